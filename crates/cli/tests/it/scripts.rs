//! The scripts under `tests/cmd`: sessions as they are typed, with what is printed.

#[test]
fn the_scripts_print_what_they_say() {
    trycmd::TestCases::new()
        .register_bin("rm", std::path::Path::new("/bin/rm"))
        .env("STRONGROOM_HOME", "home")
        .env("STRONGROOM_RECOVERY_CODE", "")
        .env("STRONGROOM_PASSPHRASE", "")
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd");
}
