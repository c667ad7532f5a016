// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Weights in a file beside the program: mapped, not read, so that contexts and processes share them
// and only what is used occupies memory.
#include "runtime/network.h"

static bool same_bytes(const char *a, const char *b, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

// The contents are not read through: the identity tells builds apart, not damaged disks.
static bool is_ours(const struct cnnc_weights_header *header) {
    return same_bytes(header->magic, "cnncwts1", sizeof(header->magic)) &&
           header->identity == cnnc_this_network.weights_identity &&
           header->bytes == cnnc_this_network.weights_bytes;
}

int cnnc_map_weights(struct cnnc_context *context) {
    if (cnnc_this_network.linked_weights || cnnc_this_network.weights_bytes == 0) {
        context->weights = cnnc_this_network.linked_weights;
        return CNNC_SUCCESS;
    }
    if (!context->options.weights_path)
        return CNNC_ERROR_WEIGHTS_OPEN;
    int file = open(context->options.weights_path, CNNC_O_RDONLY_CLOEXEC);
    if (file < 0)
        return CNNC_ERROR_WEIGHTS_OPEN;
    long size = lseek(file, 0, CNNC_SEEK_END);
    uint64_t expected = sizeof(struct cnnc_weights_header) + cnnc_this_network.weights_bytes;
    int error = size < 0                     ? CNNC_ERROR_WEIGHTS_OPEN
                : (uint64_t)size != expected ? CNNC_ERROR_WEIGHTS_MISMATCH
                                             : CNNC_SUCCESS;
    void *mapping = (void *)-1;
    if (!error)
        mapping = mmap((void *)0, (size_t)size, CNNC_PROT_READ, CNNC_MAP_PRIVATE, file, 0);
    close(file);
    if (error)
        return error;
    if (mapping == (void *)-1)
        return CNNC_ERROR_OUT_OF_MEMORY;
    context->mapping = mapping;
    context->mapping_bytes = (size_t)size;
    context->weights = (const char *)mapping + sizeof(struct cnnc_weights_header);
    return is_ours(mapping) ? CNNC_SUCCESS : CNNC_ERROR_WEIGHTS_MISMATCH;
}

void cnnc_unmap_weights(struct cnnc_context *context) {
    if (context->mapping)
        munmap(context->mapping, context->mapping_bytes);
    context->mapping = (void *)0;
}
