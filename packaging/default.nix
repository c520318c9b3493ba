# SPDX-License-Identifier: GPL-2.0
#
# For Nix: the program, and kheaders.ko for the kernel that is given, as in
#   boot.extraModulePackages = [ (config.boot.kernelPackages.callPackage ./packaging { }).module ];
{ lib, stdenv, pkg-config, kernel, libarchive, xz, kmod, nettle, zstd, lzo }:

let
  version = lib.fileContents ../VERSION;
  meta = {
    description = "The headers and build files of the running kernel, from the kernel itself";
    license = lib.licenses.gpl2Only;
    platforms = lib.platforms.linux;
  };
in
{
  program = stdenv.mkDerivation {
    pname = "kheaders";
    inherit version meta;
    src = ../.;
    nativeBuildInputs = [ pkg-config ];
    buildInputs = [ libarchive xz kmod nettle zstd lzo ];
    buildPhase = "make -C userspace";
    # /etc belongs to the system's configuration
    installPhase = ''
      make -C userspace install DESTDIR=$out PREFIX=/ sbindir=/bin
      rm -r $out/etc
      substituteInPlace $out/lib/systemd/system/kheaders.service --replace /bin/ $out/bin/
    '';
  };

  module = stdenv.mkDerivation {
    pname = "kheaders-module-${kernel.version}";
    inherit version meta;
    src = ../.;
    nativeBuildInputs = kernel.moduleBuildDependencies ++ [ xz ];
    buildPhase = "make module KDIR=${kernel.dev}/lib/modules/${kernel.modDirVersion}/build";
    installPhase = ''
      install -D build/kheaders.ko \
        $out/lib/modules/${kernel.modDirVersion}/extra/kheaders.ko
    '';
  };
}
