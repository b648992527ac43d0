//! What may help after a failure: one sentence, found by what the error is and never by what it says.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most errors say all that helps; a new one has no hint until somebody finds one"
)]

use std::error::Error;
use std::io;

use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::identity::ParseIdentityError;
use strongroom_agefile::payload::OpenError;
use strongroom_agefile::recipient::{MixedRecipients, ParseRecipientError};
use strongroom_agefile::{UnwrapError, UnwrapStanzaError};
use strongroom_authority::{PlaceError, RestoreError, WrongCode};
use strongroom_capi::file::Explanation;
use strongroom_client::capi::decrypt::{DecryptError as CapiDecryptError, Tail, UnlockError};
use strongroom_client::connection::ExchangeError;
use strongroom_client::encrypt::EncryptError;
use strongroom_client::file::rewrite::PlanError;
use strongroom_client::home::{ExchangeKeyError, HomeError, KeysError};
use strongroom_client::invitation::OpenInvitationError;
use strongroom_client::join::JoinError;
use strongroom_client::kind::NotEncrypted;
use strongroom_client::mark::Changed;
use strongroom_client::officer::{FindError, OfficerKeyError, SayError};
use strongroom_client::passphrase::NoPassphrase;
use strongroom_client::protect::ProtectError;
use strongroom_client::recover::RecoverError;
use strongroom_client::rewrap::{ReplaceError, RewrapError};
use strongroom_client::secret;
use strongroom_client::sheet::SheetError;
use strongroom_client::simple_blob::{DepositBlobError, RsaKeyError};
use strongroom_client::spare::DepositError;
use strongroom_client::{AddressError, ConnectError};
use strongroom_files::output::{CommitError, CreateError};
use strongroom_protocol::code::CodeError;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::{Refusal, Unavailable, UnavailableKind};

use crate::causes::causes;
use crate::command::decrypt::capi::{Explained, ReadOnce};
use crate::command::decrypt::{Interrupted, NoName, NotCapi, OntoItself, WrongPassphrase};
use crate::command::device::WrongDevice;
use crate::command::encrypt::capi::LegacyRefused;
use crate::command::encrypt::{MixedOnFirstUse, OntoTerminal, OtherKeyType};
use crate::command::log::NotAccepted;
use crate::command::officer::Unsure;
use crate::command::policy::set::NotChanged;
use crate::command::recover::{Ended, NoSuchName, NotHeld, NotNamed, NotThere};
use crate::command::rewrap::NotWhole;
use crate::command::sheet::{OtherCode, OtherSheet};
use crate::command::veto::NotVetoed;
use crate::context::NoDataFolder;
use crate::desk::OtherPin;
use crate::destination::OnePlace;
use crate::founding::{
    Finished, InitUnfinished, JoinUnfinished, NamedHomeMissing, NoFolder, NothingToJoin,
    OtherAddress,
};
use crate::input::{EmptyList, NotAsCalled};
use crate::joining::NotJoined;
use crate::prompt::{self, NobodyToAsk, VariableNotText};
use crate::rsa::{LegacyKey, NoPadding};

/// Finds what may help: the first of an error's causes that something is known of.
pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<String> {
    let causes = causes(error);
    let unavailable = causes
        .iter()
        .find_map(|cause| cause.downcast_ref::<Unavailable>());
    let by_sheet = causes.iter().any(|cause| cause.is::<NotThere>());
    let of_sheet = unavailable
        .filter(|unavailable| by_sheet && unavailable.kind == UnavailableKind::OutOfReach)
        .map(|_| {
            "see that its disk is there; if its folder is elsewhere now, `--authority DIR` beside `--sheet` says where"
        });
    of_sheet
        .or_else(|| unavailable.and_then(|unavailable| of_trouble(unavailable.kind)))
        .or_else(|| causes.into_iter().find_map(of_cause))
        .map(str::to_owned)
}

/// What may help an authority that can't do what is asked.
fn of_trouble(kind: UnavailableKind) -> Option<&'static str> {
    match kind {
        UnavailableKind::Busy => Some("try again when the other process is done"),
        UnavailableKind::Clock => Some(
            "set this machine's clock; if it is right, another machine's was ahead: `strongroom log verify` names what it wrote",
        ),
        UnavailableKind::Damaged => Some(
            "put the missing or damaged file back from a backup of the authority's folder: `keys.txt` never changes, an older \
             `store.db` lacks what came after it. What is damaged in a `store.db` is told by `strongroom authority check --all`; \
             its indexes are mended by `--repair`, and `strongroom sync` gives back what your home has",
        ),
        UnavailableKind::Failed => None,
        UnavailableKind::Full => Some("make room on the authority's disk"),
        UnavailableKind::Newer => Some("use the newer Strongroom"),
        UnavailableKind::OutOfReach => Some(
            "see that its disk is there; if its folder was moved, `strongroom init --authority DIR` says where to, in the home that is \
             with it. To move it yourself, move the folder first",
        ),
        UnavailableKind::ReadOnly => Some(
            "`status`, `list`, `log` and `sheet test` read it where it is; for all else copy its folder to a disk that can be \
             written, and name the copy: `recover --sheet SHEET --authority DIR`, or `strongroom init --authority DIR` in a home",
        ),
        UnavailableKind::Sealed => Some("give the recovery code"),
    }
}

fn of_cause(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    of_command(cause)
        .or_else(|| of_capi(cause))
        .or_else(|| of_blob(cause))
        .or_else(|| of_protect(cause))
        .or_else(|| of_home(cause))
        .or_else(|| of_authority(cause))
        .or_else(|| of_key(cause))
        .or_else(|| of_file(cause))
}

/// The command's own refusals.
fn of_command(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    macro_rules! hints {
        ($($type:ty => $hint:literal,)+) => {
            $(if cause.is::<$type>() {
                return Some($hint);
            })+
        };
    }
    hints! {
        AddressError => "name a folder by a path of plain characters, without spaces at an end",
        EmptyList => "see whether what was to fill it failed: to do nothing would look as if all was well",
        Ended => "run again, the same command asks anew",
        Finished => "it needs no `init`; for a second home set STRONGROOM_HOME or `--home` to another folder",
        InitUnfinished => "run `strongroom init` again, with what it was to do; or begin anew in another home with `--home`",
        JoinUnfinished => "run `strongroom init --join FILE` again, with this invitation or another; or begin anew in another home with `--home`",
        NamedHomeMissing => "if it is on a disk, see that the disk is there, and that its path is right; `strongroom init` makes a home",
        NoDataFolder => "name a folder for it with `--home` or STRONGROOM_HOME",
        NoFolder => "if it is on a disk, see that the disk is there, and that its path is right; `--home` or STRONGROOM_HOME names another, and where \
                     neither does, it is XDG_DATA_HOME or HOME that says where",
        secret::NoName => "a list of names could not have it: `status --expect` would pass over its line",
        NothingToJoin => "see that the path is right and its disk is there; without `--join` one is founded there",
        VariableNotText => "it must be UTF-8, as a terminal of today writes it; `--passphrase-file` and `--code-file` name files instead",
        Interrupted => "run `strongroom rewrap` on the file: it finishes what was interrupted",
        LegacyKey => "use a key of 2048 bits or more; `--legacy` does it all the same, for a program that knows no other",
        LegacyRefused => "leave out `--cipher` for AES-256; `--legacy` does it all the same, for a program that knows no other",
        MixedOnFirstUse => "make yours of their kind with `--key-type x25519` or `--key-type hybrid`",
        NoPadding => "say it: `--pkcs1` is what CryptExportKey does without flags, `--oaep` with CRYPT_OAEP",
        NotCapi => "see that it is the right file; a bare ciphertext is for `strongroom capi decrypt`, and an age file takes no `--key`",
        ReadOnce => "name the file itself, or a file to write to with `-o OUT`",
        NoName => "name it with `-o OUT`, or `-o -` for a pipe",
        OntoItself => "name another file with `-o OUT`",
        OntoTerminal => "name a file with `-o OUT`, or make it text with `-a`",
        NotHeld => "the file was altered, or is not yours; `recover --all` asks for all your keys and tries each, `recover --serial N FILE` for the one you name",
        NoSuchName => "`strongroom list` shows the names; a home that was rebuilt knows them after `strongroom recover --all`",
        NotNamed => "`recover --all` asks for all your keys and tries each, `recover --serial N FILE` for the one you name",
        NotWhole => "its key is not lost: get the file back from a copy, and run the same command on that",
        NotChanged => "`--again` asks for the same change anew",
        OnePlace => "name the folder that both are in, or give each its own with `-o`",
        OtherPin => "see that the authority's folder is the right one; for another authority use another key",
        OtherAddress => "finish `init` without `--authority`, or begin another home with `--home`",
        OtherCode => "test the newest sheet: an older one is of another home",
        OtherKeyType => "leave out `--key-type`: it chooses the kind of key on the first use alone",
        NotAccepted => "if you know that it was put back from a backup, add `--yes`",
        OtherSheet => "set STRONGROOM_HOME or `--home` to the home that the sheet was made for",
        WrongCode => "the authority's key is sealed under the code of whoever made the authority: see that it is that sheet",
    }
    if cause.is::<WrongPassphrase>() {
        return prompt::wrong_passphrase_hint();
    }
    if let Some(NoPassphrase::Short) = cause.downcast_ref() {
        return Some("take some words; `--any-passphrase` takes it all the same");
    }
    if let Some(Unsure::Nobody) = cause.downcast_ref() {
        return Some("look at it with `officer show`, and say so with `--yes`");
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            WrongDevice::Ambiguous { .. } => Some("give more of it"),
            WrongDevice::Last => {
                Some("recover on another machine first: then this one is not the only one")
            }
            WrongDevice::NoFingerprint { .. } | WrongDevice::NotFound { .. } => {
                Some("`strongroom device list` prints the fingerprints")
            }
            WrongDevice::NotRevoked => Some("if it is, add `--yes`"),
        };
    }
    if let Some(NotVetoed::NotFound { .. }) = cause.downcast_ref() {
        return Some(
            "`strongroom list` reaches the authority, and so tells what others ask for in your name",
        );
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(match error {
            NotJoined::Ended | NotJoined::Withdrawn => {
                "make another with `strongroom device invite` on a machine that is yours still"
            }
            NotJoined::Used => {
                "`strongroom device list` on another machine of yours says who joined; if that was not you, revoke it there. \
                 Another one is made with `strongroom device invite`"
            }
        });
    }
    if let Some(OpenInvitationError::Code) = cause.downcast_ref() {
        return Some(
            "see that code and file were made together; whoever made them can make others",
        );
    }
    if let Some(JoinError::Taken) = cause.downcast_ref() {
        return Some(
            "to join with a home of its own, name another folder with `--home`, or move this one aside",
        );
    }
    match cause.downcast_ref()? {
        NobodyToAsk::InvitationCode => Some("set STRONGROOM_INVITATION_CODE"),
        NobodyToAsk::Code => {
            Some("name a file with `--code-file`, or set STRONGROOM_RECOVERY_CODE")
        }
        NobodyToAsk::Passphrase => Some(
            "set STRONGROOM_PASSPHRASE, or name a file with `--passphrase-file` or a command with `--passphrase-command`",
        ),
    }
}

fn of_home(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    const REBUILD: &str = "put the folder back from a backup; or keep its identity.txt, move the folder away, rebuild it with \
                           `recover --sheet`, and put identity.txt back";
    const ASIDE: &str = "put it back from a backup; or move it aside, where it is kept, and `strongroom recover FILE..` makes a new key and \
                         gets your files back";
    if let Some(error) = cause.downcast_ref() {
        return match error {
            HomeError::NotFound { .. } => Some(
                "name the folder with `--home` or STRONGROOM_HOME; `strongroom init` makes one, `recover --sheet` \
                 rebuilds one that was lost, and `decrypt -i IDENTITY` needs none",
            ),
            HomeError::Damaged { .. }
            | HomeError::Emptied { .. }
            | HomeError::HalfDeleted { .. }
            | HomeError::NotOurs { .. }
            | HomeError::Torn(_) => Some(REBUILD),
            HomeError::Full => Some("make room on that disk, and run the same again"),
            HomeError::Schema { .. } => Some(
                "put the folder back from a backup from before that; or keep its identity.txt, move it away, and rebuild it with \
                 `recover --sheet`",
            ),
            HomeError::NewerVersion { .. } => Some("use the newer Strongroom"),
            HomeError::ReadOnly { .. } => Some(
                "`status`, `list`, `device list`, `log`, `sheet test` and `decrypt` read it where it is; for all else copy it to a disk that can be \
                 written, and name the copy with `--home`",
            ),
            HomeError::OlderVersion { .. } => {
                Some("keep its identity.txt, move it away, and rebuild it with `recover --sheet`")
            }
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            KeysError::IdentityMissing { .. } => Some(
                "put it back if you have it; otherwise `strongroom recover FILE..` makes a new key and gets your files back",
            ),
            KeysError::DeviceMissing { .. } => Some(
                "put it back if you have it; otherwise `strongroom recover --all` makes another for this machine",
            ),
            KeysError::WrongPassphrase { .. } => prompt::wrong_passphrase_hint(),
            // One that was named is whoever named it's.
            KeysError::Identity { path, .. } | KeysError::Unusable { path, .. }
                if path.ends_with("identity.txt") =>
            {
                Some(ASIDE)
            }
            KeysError::Device { .. } => Some(
                "put it back from a backup; or move it aside, where it is kept, and `strongroom recover --all` makes another for this \
                 machine",
            ),
            _ => None,
        };
    }
    if let Some(ConnectError::NoAuthority) = cause.downcast_ref() {
        return Some("`strongroom init` finishes what was begun here");
    }
    match cause.downcast_ref()? {
        DepositError::NotEnrolled => Some("`strongroom init` finishes what was begun here"),
        DepositError::NotKept {
            state: DepositState::Mismatch,
        } => Some(
            "nothing more is told of what does not match: see that it was wrapped to this authority's key, with this padding, \
             and is of this session key",
        ),
        DepositError::NotKept { .. } => Some("nothing was encrypted; try again"),
        _ => None,
    }
}

fn of_authority(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = cause.downcast_ref() {
        return match error {
            ExchangeError::OtherAuthority { .. } => Some(
                "see that the authority's folder is the one on your recovery sheet: nothing was sent to this one",
            ),
            ExchangeError::LogForked { .. } | ExchangeError::LogShrunk { .. } => Some(
                "if you know that it was put back from a backup, `strongroom log accept-restored` goes on with it, and \
                 `strongroom sync` sends what is missing in it; otherwise do not trust it",
            ),
            ExchangeError::Hidden => Some(
                "`strongroom device list` on another machine of yours tells: if none of yours revoked it, somebody else has one. \
                 `strongroom recover --all` makes another key for this machine, with which it can revoke theirs. If nobody did, \
                 the authority's indexes may be damaged: `strongroom authority check --all` tells, and `--repair` mends them",
            ),
            ExchangeError::Checkpoint { .. }
            | ExchangeError::Endless(_)
            | ExchangeError::Order { .. }
            | ExchangeError::Policy
            | ExchangeError::Possession
            | ExchangeError::Receipt(_)
            | ExchangeError::Subject
            | ExchangeError::Time { .. }
            | ExchangeError::Wrong { .. } => {
                Some("do not trust this authority: put its folder back from a backup")
            }
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            RecoverError::WrongCode => Some(
                "see that it is the newest sheet; `strongroom sheet test` checks one, as often as you like",
            ),
            RecoverError::Nothing => Some(
                "see that the home and the authority are the right ones; with a sheet, compare its line `Owner id` with the paper",
            ),
            _ => None,
        };
    }
    if let Some(hint) = of_officer(cause) {
        return Some(hint);
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            PlaceError::MountPoint { .. } => {
                Some("name a folder on that disk, as DIR/strongroom-authority")
            }
            PlaceError::NoParent { .. } => {
                Some("if it is on another disk, see that the disk is there")
            }
            PlaceError::Taken { .. } => Some("name a folder that is empty, or not there yet"),
            PlaceError::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("make room on that disk, or name a folder on another")
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    Some("name a folder on a disk that can be written")
                }
                _ => None,
            },
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            RestoreError::KeysMissing { .. } => Some(
                "name the authority's key file with `--keys`; without it nothing deposited there opens",
            ),
            RestoreError::NotFound { .. } => Some("name the folder that `authority backup` wrote"),
            RestoreError::OtherKeys => Some("name the key file of this authority with `--keys`"),
            RestoreError::Store(_) => Some("nothing was restored; take another backup"),
            _ => None,
        };
    }
    match cause.downcast_ref()? {
        Refusal::Holdings { .. } => Some(
            "the authority has no such deposit of yours: `strongroom recover --all` asks for all it has",
        ),
        Refusal::Author => {
            Some("this device is not one of the owner's: `strongroom recover --all` makes it one")
        }
        Refusal::Expiry => Some("see that this machine's clock is right"),
        Refusal::Policy => Some("the policy was changed meanwhile: run the same command again"),
        Refusal::TooMany => Some(
            "wait until what is open is decided or lapses; officers may deny it, and another device or key has its own share",
        ),
        _ => None,
    }
}

fn of_officer(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(OfficerKeyError::Missing { .. }) = cause.downcast_ref() {
        return Some(
            "name it with `--key` or STRONGROOM_OFFICER_KEY; `strongroom keygen --officer` makes one",
        );
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            FindError::Ambiguous { .. } => Some("give more of it"),
            FindError::NotFound { .. } => Some("`strongroom officer list --all` prints the ids"),
            FindError::OutOfOffice => Some(
                "name the right key with `--key`; `strongroom policy show` prints whose keys count",
            ),
            _ => None,
        };
    }
    match cause.downcast_ref()? {
        SayError::NotAnOfficer => Some(
            "name the right key with `--key`; if yours is new, whoever asks has to ask again under the policy in force",
        ),
        SayError::OutOfOffice => Some("`strongroom policy show` prints whose keys count"),
        SayError::Own => Some("another officer has to; you can deny it"),
        SayError::WrongCode => Some(
            "see that it is the newest sheet of an owner who had a deposit when the change was asked for",
        ),
        _ => None,
    }
}

fn of_key(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(OpenError::Damaged { whole: 0 } | OpenError::DamagedOrTruncated { whole: 0 }) =
        cause.downcast_ref()
    {
        return Some(
            "if its header is another file's, `strongroom recover -o NEW FILE` brings it back; `strongroom status` may tell",
        );
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            UnwrapError::NoMatch => Some(
                "name the right key with `-i`; if yours was lost, `strongroom recover` gets the file back",
            ),
            UnwrapError::Altered => Some(
                "`strongroom recover -o OUT` writes a file with a sound header, if the payload opens",
            ),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            RewrapError::Altered => {
                Some("`-o OUT` writes a new file with a sound header, and leaves this one as it is")
            }
            RewrapError::OtherPayload { .. } => Some(
                "`recover -o NEW --all FILE` tries all your keys on it, `recover -o NEW --serial N FILE` the one you name",
            ),
            RewrapError::NoKey { .. } => Some(
                "name an older key with `rewrap -i`, or get all of yours back with `strongroom recover --all`",
            ),
            RewrapError::OntoItself { .. } => Some("name another file with `-o OUT`"),
            RewrapError::Tail { .. } => Some(
                "put the length right that the file begins with; if it is, `-o OUT` writes a copy without them, and leaves this \
                 file as it is",
            ),
            RewrapError::Unproven => Some(
                "`-o OUT` writes a copy for your key, and leaves this file as it is: see that the copy decrypts to what you know",
            ),
            RewrapError::Passphrase => Some(
                "decrypt it with its passphrase; if it has a spare, `strongroom recover` brings its key back",
            ),
            RewrapError::Replace(ReplaceError::Plan(PlanError::Io { .. })) => {
                Some("make the file writable, or name another with `-o OUT`")
            }
            _ => None,
        };
    }
    if let Some(UnwrapStanzaError::WorkFactor { .. }) = cause.downcast_ref() {
        return Some(
            "whoever made it chose that: each one more takes twice the memory, and 20 takes 1 GiB. `--max-work-factor N` allows it",
        );
    }
    if let Some(ParseIdentityError::Recipient) = cause.downcast_ref() {
        return Some("`-i` takes the file with the secret key, `-r` the public key");
    }
    if let Some(ParseIdentityError::Ssh) = cause.downcast_ref() {
        return Some(
            "it is a private key of SSH's: what was encrypted to its public key, `age -d -i KEY FILE` opens. `-i` takes a file of \
             `AGE-SECRET-KEY-..`, as `strongroom keygen` and `age-keygen` make; without `-i` your own key is tried",
        );
    }
    if let Some(ParseRecipientError::Ssh) = cause.downcast_ref() {
        return Some(
            "it is a public key of SSH's, to which `age -R KEY FILE` encrypts. `-r` takes an `age1..`, as `strongroom keygen` and \
             `age-keygen` make",
        );
    }
    if let Some(ParseRecipientError::SecretKey) = cause.downcast_ref() {
        return Some(
            "`-r` takes a public key. That secret key may now be in your shell's history: make another",
        );
    }
    if cause.is::<MixedRecipients>() {
        return Some(
            "a post-quantum file is as weak as its weakest key: name recipients of one kind, or make a home with \
             `strongroom init --key-type x25519`",
        );
    }
    match cause.downcast_ref()? {
        CodeError::Character { .. } | CodeError::Checksum | CodeError::Length { .. } => Some(
            "it is eight groups of four, as on the sheet; capitals, spaces and dashes do not matter",
        ),
        _ => None,
    }
}

fn of_capi(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(explained) = cause.downcast_ref::<Explained>()
        && explained.may_be_unpadded()
    {
        return Some(
            "if the program padded nothing (CryptEncrypt with Final = FALSE), `--no-padding` opens it",
        );
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            CapiDecryptError::Changed => Some(
                "put the file back from a backup; to see what there is all the same, use `--key`, with `--home` on an empty folder",
            ),
            _ => None,
        };
    }
    if let Some(ReadHeaderError::NotAge) = cause.downcast_ref() {
        return Some(
            "nor is it one of CryptoAPI's example programs, which begin with the length of a SIMPLEBLOB: see that it is the right \
             file",
        );
    }
    match cause.downcast_ref() {
        Some(UnlockError::NotOpened(_)) => {
            return Some(
                "see that key and padding are the file's; if your RSA key was lost, `strongroom recover` gets the file back",
            );
        }
        Some(UnlockError::Misfit(_)) => {
            return Some(
                "this is not the key of the file: `strongroom capi inspect` says of either how long it is",
            );
        }
        Some(UnlockError::UnknownParameters(_)) => {
            return Some("a newer version made it; `--iv` and the like say it anew");
        }
        _ => {}
    }
    match cause.downcast_ref()? {
        ExchangeKeyError::Missing { .. } => Some(
            "put it back if you have it, or name another with `--key`; otherwise `strongroom recover` on your files makes a new one",
        ),
        ExchangeKeyError::Unwrap { .. } => Some(
            "it went with the identity it is sealed to: `strongroom recover` on your files makes a new one",
        ),
        ExchangeKeyError::Public { .. } => Some("name the key pair: a PRIVATEKEYBLOB, or PEM"),
        ExchangeKeyError::Key { .. } => {
            Some("`strongroom capi inspect` says what it is, and which command helps")
        }
        _ => None,
    }
}

fn of_blob(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(RsaKeyError::None) = cause.downcast_ref() {
        return Some("whoever runs the authority makes one with `strongroom authority rsa-key`");
    }
    if cause.is::<Tail>() {
        return Some(TAIL);
    }
    match cause.downcast_ref()? {
        DepositBlobError::Misfit(_) => Some(
            "`strongroom authority rsa-key` writes the key that programs are to export to, and its fingerprint",
        ),
        _ => None,
    }
}

const TAIL: &str = "put the length right that the file begins with: 12 bytes and the RSA key's. `strongroom decrypt --key` opens it as it \
                    is";

fn of_protect(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    match cause.downcast_ref()? {
        ProtectError::Capi(_) => Some(
            "it is no file that begins with a SIMPLEBLOB and its length: leave out `--key` for an age file",
        ),
        ProtectError::CapiKey => Some(
            "name the program's key pair with `--key`, and the padding with `--pkcs1` or `--oaep`",
        ),
        ProtectError::CapiPayload {
            explanation: Explanation::NoPadding { .. },
        } => Some(
            "see that the file is whole: a key that opens half a file is not deposited for it. If the program padded nothing \
             (CryptEncrypt with Final = FALSE), say `--no-padding`",
        ),
        ProtectError::CapiPayload { .. } => {
            Some("see that the file is whole: a key that opens half a file is not deposited for it")
        }
        ProtectError::CapiTail(_) => Some(TAIL),
        ProtectError::CapiUnlock(_) => Some("see that key and padding are the file's"),
        ProtectError::Changed(Changed::OtherPayload) => {
            Some("`strongroom recover -o NEW FILE` brings it back if its own key has a spare")
        }
        ProtectError::Changed(_) => Some("get it back from a copy, and protect that"),
        ProtectError::Create(CreateError::NotWritable { .. }) => {
            Some("`--detached` gives it a spare and changes no byte of it")
        }
        ProtectError::Create(CreateError::SymbolicLink { .. }) => {
            Some("name the file that the link points to, or use `--detached`")
        }
        ProtectError::Unwrap(UnwrapError::NoMatch) => Some("name the key that opens it with `-i`"),
        ProtectError::Unwrap(UnwrapError::Altered) => {
            Some("somebody changed the header: it is not deposited as if it were whole")
        }
        ProtectError::WrongPassphrase => prompt::wrong_passphrase_hint(),
        _ => None,
    }
}

fn of_file(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    const FORCE: &str =
        "`--force` replaces it, where the command takes that; or name another with `-o`";

    if let Some(error) = cause.downcast_ref() {
        return match error {
            CreateError::Exists { .. } => Some(FORCE),
            CreateError::NotWritable { .. } => Some("write to another folder with `-o OUT`"),
            CreateError::FolderMissing { .. } => Some("make the folder first"),
            CreateError::IsFolder { .. } => Some("name a file in it with `-o`"),
            CreateError::NotAFile { .. } => {
                Some("write to a pipe with `-o -`, or name a file with `-o`")
            }
            _ => None,
        };
    }
    if let Some(CommitError::Exists { .. }) = cause.downcast_ref() {
        return Some(FORCE);
    }
    if let Some(
        ReadHeaderError::Invalid(_)
        | ReadHeaderError::Malformed { .. }
        | ReadHeaderError::Truncated,
    ) = cause.downcast_ref()
    {
        return Some(
            "get the file back from a copy: a header that can't be read can't be put right",
        );
    }
    if let Some(EncryptError::OntoItself { .. }) = cause.downcast_ref() {
        return Some("name another file with `-o OUT`");
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            SheetError::Missing { .. } => Some(
                "a sheet has the code, the authority's folder and id, the owner's id, each on its line; or the one line that says all",
            ),
            SheetError::Check { .. } | SheetError::Contradiction { .. } | SheetError::Id { .. } => {
                Some("compare that line with the paper; an id has 64 digits from 0 to f")
            }
            SheetError::Line => Some("compare it with the paper, or type the lines above it"),
            _ => None,
        };
    }
    if let Some(NotAsCalled { what, .. }) = cause.downcast_ref() {
        return match what {
            NotEncrypted::Empty | NotEncrypted::Other => Some("get it back from a copy"),
            NotEncrypted::TextBefore { .. } => {
                Some("take away what stands before the armor, and what follows it")
            }
            _ => None,
        };
    }
    match cause.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room on that disk, or write to another with `-o OUT`")
        }
        io::ErrorKind::ReadOnlyFilesystem => Some("write to another folder with `-o OUT`"),
        _ => None,
    }
}
