# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cnnc_room(NAME SOURCES a.cpp ... LINKS other rooms and libraries ...): one static library per
# folder, named cnnc_NAME. Headers are included from the top: #include "compiler/graph/graph.h".
function(cnnc_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(cnnc_${name} STATIC ${ARG_SOURCES})
  target_include_directories(cnnc_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(cnnc_${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
  cnnc_warnings(cnnc_${name})
endfunction()

function(cnnc_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-missing-field-initializers)
  if(CNNC_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# cnnc_test(NAME SOURCES ... LINKS ... [LABEL unit]): a GoogleTest program registered with CTest.
# Tests find their data through the CNNC_SOURCE_DIR definition.
function(cnnc_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE CNNC_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  cnnc_warnings(${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
