// SPDX-License-Identifier: GPL-2.0
//
// Read kheaders.tar.xz as monitoring agents in Go do: with the xz decoder of Debian's
// golang-github-xi2-xz-dev and its limit of 64 MiB, archive/tar, and only regular files;
// modprobe must print nothing.  Then check the tree as they do: version.h is that of the running
// kernel, types.h and kconfig.h exist.
//
// Usage: reader FILE DIR LINUX_VERSION_CODE

package main

import (
	"archive/tar"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/xi2/xz"
)

var versionCode = regexp.MustCompile(`(?m)^#define[\t ]+LINUX_VERSION_CODE[\t ]+(\d+)$`)

func load(name string) func() {
	if _, err := os.Stat(name); err == nil {
		return func() {}
	}
	out, err := exec.Command("modprobe", "kheaders").CombinedOutput()
	if err != nil || len(out) > 0 {
		log.Fatalf("modprobe: %v: %s", err, out)
	}
	return func() {
		if out, err := exec.Command("rmmod", "kheaders").CombinedOutput(); err != nil {
			log.Fatalf("rmmod: %v: %s", err, out)
		}
	}
}

func write(name string, in io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(name), 0755); err != nil {
		return err
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// extract returns the numbers of regular files and of members that are neither file nor directory.
func extract(name, directory string) (files, others int, err error) {
	file, err := os.Open(name)
	if err != nil {
		return
	}
	defer file.Close()
	stream, err := xz.NewReader(file, 0)
	if err != nil {
		return
	}
	archive := tar.NewReader(stream)
	for {
		member, err := archive.Next()
		if err == io.EOF {
			return files, others, nil
		} else if err != nil {
			return files, others, err
		}
		switch {
		case strings.Contains(member.Name, ".."):
			return files, others, fmt.Errorf("%s: leaves the directory", member.Name)
		case member.Typeflag == tar.TypeReg:
			files++
			err = write(filepath.Join(directory, member.Name), archive)
		case member.Typeflag != tar.TypeDir:
			others++
		}
		if err != nil {
			return files, others, err
		}
	}
}

func main() {
	log.SetFlags(0)
	directory := os.Args[2]
	unload := load(os.Args[1])
	files, others, err := extract(os.Args[1], directory)
	unload()
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(directory, "include/generated/uapi/linux/version.h"))
	if err != nil {
		log.Fatal(err)
	}
	code := versionCode.FindSubmatch(text)
	if code == nil || string(code[1]) != os.Args[3] {
		log.Fatalf("version.h: not the version code %s", os.Args[3])
	}
	for _, name := range []string{"include/linux/types.h", "include/linux/kconfig.h"} {
		info, err := os.Lstat(filepath.Join(directory, name))
		if err != nil || !info.Mode().IsRegular() {
			log.Fatalf("%s: not a regular file", name)
		}
	}
	if others > 0 {
		log.Fatalf("%d members that are neither files nor directories", others)
	}
	fmt.Printf("%d files, LINUX_VERSION_CODE %s\n", files, code[1])
}
