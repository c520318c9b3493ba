#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Build the crates that Rust modules are compiled against; "make rust" runs this.
#
#/ Usage: kheaders_rust.sh MAKE
#/
#/ Run it in the top directory of the tree.  The archive does not contain the crates'
#/ metadata and macros: they take 180 MB, and only the rustc that built them can read them.
#/
#/ Environment:
#/   KSRC            source tree of this kernel, if the tree has no rust/; needs bindgen
#/   RUSTC, BINDGEN  the commands
#/   RUST_LIB_SRC    location of rust-src (default: rustc's sysroot)

set -eu
export LC_ALL=C
rustc=${RUSTC:-rustc}
# rustc's makefiles treat an empty value as set
[ -n "${RUST_LIB_SRC:-}" ] || unset RUST_LIB_SRC
jobs=-j$(nproc)
case " ${MAKEFLAGS:-}" in
*" -j"*|*jobserver*) jobs= ;;
esac

# die OBJECT MESSAGE
die() {
	echo "rust: $1: $2" >&2
	exit 1
}

check_rustc() {
	want=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT="\(.*\)"$/\1/p' .config)
	[ -n "$want" ] || die "$PWD" "the kernel was built without CONFIG_RUST"
	have=$("$rustc" --version 2> /dev/null) ||
		die "$rustc" "not found; this kernel was built by $want"
	[ "$have" = "$want" ] || die "$have" "not the rustc that built this kernel, $want"
	library=$("$rustc" --print sysroot)/lib/rustlib/src/rust/library
	library=${RUST_LIB_SRC:-$library}
	[ -e "$library/core/src/lib.rs" ] ||
		die "$library" "rust-src not found (Debian, Ubuntu: apt install rust-src)"
}

# numbers DIR: print the version of the kernel source in DIR
numbers() {
	sed -n 's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\) = //p' "$1/Makefile" | tr '\n' .
}

# Set from to the tree that has rust/ and, for x86, the generator of target.json.
find_sources() {
	from=${KSRC:-.}
	[ -e "$from/rust/kernel/lib.rs" ] ||
		die "$from" "has no rust/kernel; pass this kernel's source tree with KSRC=DIR"
	[ "$(numbers "$from")" = "$(numbers .)" ] ||
		die "$from" "Linux $(numbers "$from"), but the tree belongs to $(numbers .)"
	from=$(realpath "$from")
	generated=
	[ ! -e "$from/rust/bindings/bindings_generated.rs" ] || generated=y
	[ -n "$generated" ] || command -v "${BINDGEN:-bindgen}" > /dev/null ||
		die bindgen "not found; it is needed as $from has no generated bindings"
}

# rustc's view of the configuration is packed empty; recreate it from .config.
write_rustc_cfg() {
	cfg=include/generated/rustc_cfg
	[ ! -s "$cfg" ] || return 0
	sed -e '/^CONFIG_/!d' -e 's/^\(CONFIG_[^=]*\)=\([ym]\)$/--cfg=\1\n--cfg=\1="\2"/' -e t \
		-e 's/^\(CONFIG_[^=]*\)="\(.*\)"$/--cfg=\1="\2"/' -e t \
		-e 's/^\(CONFIG_[^=]*\)=\(.*\)$/--cfg=\1="\2"/' .config > "$cfg.new"
	mv "$cfg.new" "$cfg"
}

# link DIR PREFIX TO: link the files of DIR that TO lacks into TO; PREFIX leads from TO back
link() {
	for file in "$1"/*; do
		[ -e "$3/${file##*/}" ] || ln -s "$2$file" "$3"
	done
}

# Build in a separate tree of links, so that a failure leaves nothing incomplete in this one.
# Headers include <../../drivers/x.h> relative to include/uapi, so that cannot be a link.
make_stage() {
	rm -rf .rust
	mkdir -p .rust/scripts .rust/module .rust/include/uapi
	ln -s ../.config .rust
	[ ! -e .kernelvariables ] || ln -s ../.kernelvariables .rust
	cp -R "$from/rust" .rust/rust
	link include/uapi ../../../ .rust/include/uapi
	link include ../../ .rust/include
	# for any other architecture, rustc has a target of its own
	target=
	if grep -q -s 'target\.json' arch/*/Makefile*; then
		target=.rust/scripts/target.json
		"$rustc" --edition=2021 -O -o .rust/generate_rust_target \
			"$from/scripts/generate_rust_target.rs"
		.rust/generate_rust_target < include/config/auto.conf > "$target"
	fi
	link scripts ../../ .rust/scripts
	link . ../ .rust
	# bindgen reads headers from the whole source, and a script checks its libclang
	[ -n "$generated" ] || link "$from/scripts" '' .rust/scripts
	[ -n "$generated" ] || link "$from" '' .rust
}

# Use the bindings of the archive as they are (make -o), without asking bindgen for a version.
write_kbuild() {
	targets='rust/libmacros.so rust/kernel.o rust/uapi.o rust/build_error.o'
	[ ! -e .rust/rust/pin-init/internal ] ||
		targets="$targets rust/libpin_init_internal.so rust/pin_init.o"
	[ ! -e .rust/rust/zerocopy-derive ] ||
		targets="$targets rust/libzerocopy_derive.so rust/zerocopy.o"
	! grep -q -x CONFIG_RUST_INLINE_HELPERS=y .config ||
		targets="$targets rust/helpers/helpers_module.bc"
	old=
	[ -z "$generated" ] || old="libclang_maj_ver=16 $(cd .rust &&
		find rust -name '*generated*.rs' | sed 's/^/-o /' | tr '\n' ' ')"
	cat > .rust/module/Kbuild <<- END
		always-y := rust
		\$(obj)/rust: FORCE ; +\$(Q)\$(MAKE) -C \$(srctree) -f scripts/Makefile.build \\
			KBUILD_EXTMOD= extmod_prefix= srcroot=. VPATH= obj=rust need-builtin=1 \\
			need-modorder= $old $targets
	END
}

check_rustc
find_sources
write_rustc_cfg
make_stage
write_kbuild
# shellcheck disable=SC2086	# nothing, or an option
"$1" $jobs -C .rust M="$PWD/.rust/module" CONFIG_DEBUG_INFO_BTF_MODULES= \
	KCPPFLAGS="${KCPPFLAGS:-} -fmacro-prefix-map=$PWD/.rust/=" modules
rm -rf .rust.old
[ ! -e rust ] || mv rust .rust.old
[ -z "$target" ] || mv "$target" scripts
mv .rust/rust .
rm -rf .rust .rust.old
