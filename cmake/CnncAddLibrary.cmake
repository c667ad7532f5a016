# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cnnc_add_library(TARGET FROM net.cnn
#     [WEIGHTS net.safetensors | RANDOM_WEIGHTS SEED] [WEIGHTS_FILE]
#     [TARGET x86-64-linux-avx2-fma | TARGET avx512,avx2] [CPU haswell]
#     [SCHEDULES file.sched ...] [DEPENDS imported.cnn ...] [OPTIONS other options of cnnc build ...])
#
# Compiles a network when the project is built and makes TARGET a library that others link to; the
# header is named after the network in the file. Without TARGET the code is for the machine that
# builds, or, when cross-compiling, for every CPU of the architecture compiled for. With
# WEIGHTS_FILE, the target's property CNNC_WEIGHTS_FILE is the path of the weights.

# The name of the network, which names the files: the word behind the first `network`.
function(_cnnc_network_name file result)
  file(STRINGS ${file} lines REGEX "^[ \t]*network[ \t]+[A-Za-z_][A-Za-z0-9_]*")
  if(NOT lines)
    message(FATAL_ERROR "cnnc_add_library: no `network NAME` stands in ${file}")
  endif()
  list(GET lines 0 line)
  string(REGEX REPLACE "^[ \t]*network[ \t]+([A-Za-z_][A-Za-z0-9_]*).*" "\\1" name "${line}")
  set(${result} ${name} PARENT_SCOPE)
endfunction()

function(_cnnc_default_target result)
  if(NOT CMAKE_CROSSCOMPILING)
    set(${result} host PARENT_SCOPE)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)")
    set(${result} arm64 PARENT_SCOPE)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^arm")
    set(${result} arm32 PARENT_SCOPE)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^riscv64")
    set(${result} riscv64 PARENT_SCOPE)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)")
    set(${result} x86-64 PARENT_SCOPE)
  else()
    message(FATAL_ERROR
      "cnnc_add_library: give a TARGET for the processor `${CMAKE_SYSTEM_PROCESSOR}`")
  endif()
endfunction()

function(cnnc_add_library target)
  cmake_parse_arguments(ARG "WEIGHTS_FILE" "FROM;WEIGHTS;RANDOM_WEIGHTS;TARGET;CPU"
    "SCHEDULES;DEPENDS;OPTIONS" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cnnc_add_library: unknown arguments: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT ARG_FROM)
    message(FATAL_ERROR "cnnc_add_library: FROM net.cnn is missing")
  endif()
  get_filename_component(network ${ARG_FROM} ABSOLUTE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${network})
  _cnnc_network_name(${network} name)
  if(NOT ARG_TARGET)
    _cnnc_default_target(ARG_TARGET)
  endif()

  set(dir ${CMAKE_CURRENT_BINARY_DIR}/${target}.cnnc)
  set(command $<TARGET_FILE:cnnc::cnnc> build ${network} -o ${dir} --target ${ARG_TARGET})
  set(files ${network} ${ARG_DEPENDS})
  set(outputs ${dir}/lib${name}.a ${dir}/${name}.h)
  if(ARG_CPU)
    list(APPEND command --cpu ${ARG_CPU})
  endif()
  if(ARG_WEIGHTS)
    get_filename_component(weights ${ARG_WEIGHTS} ABSOLUTE)
    list(APPEND command --weights ${weights})
    list(APPEND files ${weights})
  elseif(DEFINED ARG_RANDOM_WEIGHTS)
    list(APPEND command --random-weights ${ARG_RANDOM_WEIGHTS})
  endif()
  if(ARG_WEIGHTS_FILE)
    list(APPEND command --weights-file)
    list(APPEND outputs ${dir}/${name}.weights)
  endif()
  foreach(schedules IN LISTS ARG_SCHEDULES)
    get_filename_component(schedules ${schedules} ABSOLUTE)
    list(APPEND command --schedules ${schedules})
    list(APPEND files ${schedules})
  endforeach()

  add_custom_command(OUTPUT ${outputs}
    COMMAND ${command} ${ARG_OPTIONS}
    DEPENDS ${files} cnnc::cnnc
    COMMENT "Compiling the network ${name}"
    VERBATIM)
  add_custom_target(${target}_cnnc DEPENDS ${outputs})
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads REQUIRED)
  file(MAKE_DIRECTORY ${dir}) # targets' include folders must exist
  add_library(${target} STATIC IMPORTED GLOBAL)
  add_dependencies(${target} ${target}_cnnc)
  # Networks for GPUs find the driver with the functions of CMAKE_DL_LIBS.
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${dir}/lib${name}.a
    INTERFACE_INCLUDE_DIRECTORIES ${dir}
    INTERFACE_LINK_LIBRARIES "Threads::Threads;m;${CMAKE_DL_LIBS}")
  if(ARG_WEIGHTS_FILE)
    set_target_properties(${target} PROPERTIES CNNC_WEIGHTS_FILE ${dir}/${name}.weights)
  endif()
endfunction()
