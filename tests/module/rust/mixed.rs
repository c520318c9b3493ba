// SPDX-License-Identifier: GPL-2.0

//! A module of Rust and C.

use kernel::prelude::*;

module! {
    type: Mixed,
    name: "kheaders_mixed",
    authors: ["kheaders"],
    description: "A module of Rust and C built from kheaders",
    license: "GPL",
}

extern "C" {
    fn kheaders_part() -> kernel::ffi::c_int;
}

struct Mixed;

impl kernel::Module for Mixed {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: It takes nothing and is in part.c.
        pr_info!("C returns {}\n", unsafe { kheaders_part() });
        Ok(Mixed)
    }
}
