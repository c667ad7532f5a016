# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The package files for find_package(cnnc). The command itself is installed by its own folder.
include(CMakePackageConfigHelpers)

set(cnnc_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cnnc)
set(CNNC_PROGRAM ${CMAKE_INSTALL_BINDIR}/cnnc)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/cnnc-config.cmake.in ${PROJECT_BINARY_DIR}/cnnc-config.cmake
  INSTALL_DESTINATION ${cnnc_package_dir}
  PATH_VARS CNNC_PROGRAM)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cnnc-config-version.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  ${PROJECT_BINARY_DIR}/cnnc-config.cmake
  ${PROJECT_BINARY_DIR}/cnnc-config-version.cmake
  ${CMAKE_CURRENT_LIST_DIR}/CnncAddLibrary.cmake
  DESTINATION ${cnnc_package_dir})
