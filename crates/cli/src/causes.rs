//! An error with everything that caused it: also what the libraries' errors pass on as their own, which
//! [`Error::source`] leaves out. What follows from that is in `hint` and `exit`.

use std::error::Error;
use std::io;
use std::sync::Arc;

use strongroom_agefile::UnwrapStanzaError;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::identity_file::{
    OpenIdentitiesError, ReadIdentitiesError, SealIdentitiesError,
};
use strongroom_authority::{
    BackupError, CheckError, FoundError, RestoreError, SealError, UnlockError as CustodyUnlockError,
};
use strongroom_client::ConnectError;
use strongroom_client::capi::decrypt::{DecryptError as CapiDecryptError, UnlockError};
use strongroom_client::connection::ExchangeError;
use strongroom_client::encrypt::EncryptError;
use strongroom_client::enroll::EnrollError;
use strongroom_client::file::copy::CopyError;
use strongroom_client::home::{ExchangeKeyError, HomeError, KeysError};
use strongroom_client::log::ReadLogError;
use strongroom_client::officer::{FindError, OfficerKeyError, SayError};
use strongroom_client::protect::ProtectError;
use strongroom_client::recover::RecoverError;
use strongroom_client::released::ReleasedError;
use strongroom_client::rewrap::{RepairError, ReplaceError, RewrapError};
use strongroom_client::secret::{DepositSecretsError, OpenSecretError};
use strongroom_client::sheet::SheetError;
use strongroom_client::simple_blob::{DepositBlobError, RsaKeyError as ClientRsaKeyError};
use strongroom_client::spare::DepositError;
use strongroom_client::status::StatusError;
use strongroom_client::sync::SyncError;
use strongroom_client::veto::VetoError;
use strongroom_client::whole::WholeError;
use strongroom_files::WriteError;
use strongroom_protocol::{QueryError, ReleaseError, SubmitError, Unavailable};

type Cause<'e> = &'e (dyn Error + 'static);

/// Returns an error and its causes, the outermost first.
pub(crate) fn causes<'e>(error: Cause<'e>) -> Vec<Cause<'e>> {
    let mut causes = vec![error];
    let mut last = error;
    while let Some(next) = passed_on(last)
        .or_else(|| within_io(last))
        .or_else(|| shared(last))
        .or(last.source())
    {
        causes.push(next);
        last = next;
    }
    causes
}

/// Finds the first error of a type among the causes.
pub(crate) fn find<'e, E: Error + 'static>(error: Cause<'e>) -> Option<&'e E> {
    causes(error)
        .into_iter()
        .find_map(<dyn Error>::downcast_ref)
}

/// Tells whether the reader of a pipe went away.
pub(crate) fn is_closed_pipe(error: Cause<'_>) -> bool {
    causes(error)
        .into_iter()
        .filter_map(<dyn Error>::downcast_ref::<io::Error>)
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Tells whether the authority can't be reached now.
pub(crate) fn is_out_of_reach(error: Cause<'_>) -> bool {
    find::<Unavailable>(error).is_some_and(|error| error.kind.may_pass())
}

/// What an I/O error carries, which its own `source` leaves out.
fn within_io(error: Cause<'_>) -> Option<Cause<'_>> {
    let within = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(within as Cause<'_>)
}

/// What is an error of several files.
fn shared(error: Cause<'_>) -> Option<Cause<'_>> {
    Some(&**error.downcast_ref::<Arc<HomeError>>()?)
}

/// What an error is, where it is declared `#[error(transparent)]`.
fn passed_on(error: Cause<'_>) -> Option<Cause<'_>> {
    macro_rules! pass_on {
        ($($type:ident: $($variant:ident)+;)+) => {
            $($(if let Some($type::$variant(within)) = error.downcast_ref() {
                return Some(within);
            })+)+
        };
    }
    pass_on! {
        BackupError: Place Store;
        CapiDecryptError: Cipher;
        CheckError: Store Unavailable;
        ConnectError: Exchange Home;
        CopyError: Commit Write;
        DepositError: Count Exchange Header Home Keys Mixed;
        DepositBlobError: Blob Deposit Length Particulars RsaKey;
        DepositSecretsError: Deposit Home Particulars;
        EncryptError: Capi CapiHeader CapiKey Commit Create Particulars Seal Wrap;
        CustodyUnlockError: Memory WrongCode;
        EnrollError: About Exchange Home Keys Memory;
        ExchangeError: Endless Home Query Submit;
        ExchangeKeyError: Keys NotGenerated Write;
        FindError: Exchange;
        FoundError: Place;
        HomeError: Lock;
        KeysError: Home Write;
        OfficerKeyError: Read;
        OpenIdentitiesError: Parse;
        OpenSecretError: Home Length Released Unwrap;
        ProtectError: Capi CapiUnlock Create Header Home Invalid Particulars Replace Unwrap;
        QueryError: Unavailable;
        ReadHeaderError: Invalid;
        ReadIdentitiesError: Parse;
        ReadLogError: Endless Query Tree;
        RecoverError: Exchange Home Keys Memory Query Released Scope;
        ReleasedError: Home;
        ReleaseError: Unavailable;
        ClientRsaKeyError: Exchange;
        RepairError: Apply Home State;
        ReplaceError: Apply Copy Create Home Plan;
        RestoreError: Place Store;
        RewrapError: Capi Header Home Invalid Keys Released Replace Wrap;
        SayError: Exchange Find Memory;
        SealError: Memory;
        SealIdentitiesError: Memory Parse;
        SheetError: Address Code;
        StatusError: Capi Header Home;
        SubmitError: Refused Unavailable;
        SyncError: Exchange Home;
        UnlockError: Misfit NotOpened Parameters;
        UnwrapStanzaError: Memory;
        VetoError: Exchange Keys;
        WholeError: Capi Header Home Payload Unwrap;
        WriteError: Commit Create Write;
    }
    None
}
