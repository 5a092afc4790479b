//! x
#[test]
fn compiles() {
    match gengfu_rules::Pack::compile(&gengfu_rules::library::files()) {
        Ok(pack) => for w in pack.warnings() { println!("{w}"); },
        Err(d) => { for d in d { println!("{d}"); } panic!(); }
    }
}
