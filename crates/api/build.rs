//! Creates the folder from which the page is embedded, so that the server builds without Node.

use std::{env, fs, path::Path};

fn main() -> std::io::Result<()> {
    let here = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let dist = Path::new(&here).join("../../web/dist");
    fs::create_dir_all(&dist)?;
    println!("cargo::rerun-if-changed={}", dist.display());
    Ok(())
}
