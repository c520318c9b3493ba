// SPDX-License-Identifier: GPL-2.0

//! A module in Rust: a vector, a string, a line in the log.

use kernel::prelude::*;

module! {
    type: KheadersRust,
    name: "kheaders_rust",
    authors: ["kheaders"],
    description: "A Rust module built from kheaders",
    license: "GPL",
}

struct KheadersRust {
    numbers: KVec<i32>,
}

impl kernel::Module for KheadersRust {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut numbers = KVec::new();
        for n in 1..=4 {
            numbers.push(n * n, GFP_KERNEL)?;
        }
        pr_info!("numbers {:?}\n", numbers.as_slice());
        Ok(KheadersRust { numbers })
    }
}

impl Drop for KheadersRust {
    fn drop(&mut self) {
        pr_info!("sum {}\n", self.numbers.iter().sum::<i32>());
    }
}
