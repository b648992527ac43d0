//! Once around: a file is encrypted with a spare key, its owner's key is lost, and the file opens with a new one.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand_core::UnwrapErr;
use strongroom_agefile::KeyType;
use strongroom_authority::{Caller, Service};
use strongroom_client::encrypt::{Job, Source, Target};
use strongroom_client::enroll::Enrolling;
use strongroom_client::file::output::Overwrite;
use strongroom_client::home::Home;
use strongroom_client::recover::Wanted;
use strongroom_client::rewrap::{RewrapOptions, rewrap};
use strongroom_client::Client;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::policy::Policy;
