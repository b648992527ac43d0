//! How the owner's devices are spoken of: by the name that was given to one, in quotes, and always by the fingerprint of its
//! key, since a name is anybody's to give who has a device of the owner's.

use std::collections::BTreeMap;

use serde::Serialize;
use strongroom_client::fingerprint::Fingerprint;
use strongroom_client::home::{ApprovedRequest, DeviceId, DeviceRecord, Home, HomeError, Origin};

use crate::command::officer::short;
use crate::terminal::{escape, words};

/// The owner's devices, by the log.
pub(crate) struct Devices {
    ours: Option<DeviceId>,
    known: BTreeMap<DeviceId, DeviceRecord>,
}

/// A device, in JSON: the same on each machine of the owner's. Which of them is this one, `device list` says.
#[derive(Serialize)]
pub(crate) struct DeviceLine {
    fingerprint: String,
    name: Option<String>,
    /// Since when it is the owner's; nothing of one that the log does not have as the owner's.
    since: Option<String>,
    /// Since when it is the owner's no more.
    revoked: Option<String>,
}

impl Devices {
    /// Reads them.
    pub(crate) fn of(home: &Home) -> Result<Self, HomeError> {
        let known = home.devices()?.into_iter();
        Ok(Self {
            ours: home.device_id(),
            known: known.map(|device| (device.id, device)).collect(),
        })
    }

    /// Tells whether it is this machine's.
    pub(crate) fn is_ours(&self, device: DeviceId) -> bool {
        self.ours == Some(device)
    }

    /// Returns what is known of one.
    pub(crate) fn get(&self, device: DeviceId) -> Option<&DeviceRecord> {
        self.known.get(&device)
    }

    /// Says who does something, at the beginning of a sentence: you, at this machine, or another of your machines.
    pub(crate) fn who(&self, device: DeviceId) -> String {
        if self.is_ours(device) {
            "you".to_owned()
        } else {
            format!("{},", self.other(device))
        }
    }

    /// Says of something that another machine did, which one, and since when that is yours; nothing of this one's.
    pub(crate) fn by_other(&self, device: DeviceId) -> Option<String> {
        if self.is_ours(device) {
            return None;
        }
        let since = match self.get(device) {
            None => String::new(),
            Some(known) => match known.revoked {
                None => format!(", yours since {}", known.since),
                Some(gone) => format!(", yours from {}, revoked on {}", known.since, gone.time),
            },
        };
        Some(format!("by {}{since}", self.other(device)))
    }

    fn other(&self, device: DeviceId) -> String {
        let what = match self.get(device) {
            None => "a device that the log does not have as yours",
            Some(_) => "another machine of yours",
        };
        format!("{what}, {}", self.which(device))
    }

    /// Says which device it is.
    pub(crate) fn which(&self, device: DeviceId) -> String {
        which(
            device,
            self.get(device).and_then(|known| known.name.as_deref()),
        )
    }

    /// Returns it for JSON.
    pub(crate) fn line(&self, device: DeviceId) -> DeviceLine {
        let known = self.get(device);
        DeviceLine {
            fingerprint: digits(device),
            name: known.and_then(|known| known.name.clone()),
            since: known.map(|known| known.since.to_string()),
            revoked: known
                .and_then(|known| known.revoked)
                .map(|gone| gone.time.to_string()),
        }
    }
}

/// Says which device it is: by its name, if it has one, and the beginning of its fingerprint.
pub(crate) fn which(device: DeviceId, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{} ({})", words(name), short(digits(device))),
        None => short(digits(device)),
    }
}

/// Returns the digits of a device's fingerprint.
pub(crate) fn digits(device: DeviceId) -> String {
    Fingerprint::from(device).to_string().replace(' ', "")
}

/// Says by what a device became the owner's.
pub(crate) fn origin(device: &DeviceRecord) -> String {
    match &device.origin {
        Origin::Enrolled => format!("enrolled on {}", device.since),
        Origin::Invited { by } => format!(
            "joined on {} by an invitation of {}",
            device.since,
            short(digits(*by))
        ),
        Origin::Recovered(request) => format!(
            "recovered on {} by request {} of {}, {}",
            device.since,
            short(request.id),
            request.asked,
            approved_by(request)
        ),
    }
}

/// Says on whose word a request was approved.
pub(crate) fn approved_by(request: &ApprovedRequest) -> String {
    let officers = request.by_officers.iter().map(|name| escape(name));
    let code = request.by_code.then(|| "the recovery code".to_owned());
    let by: Vec<String> = code.into_iter().chain(officers).collect();
    match &by[..] {
        [] => "approved".to_owned(),
        by => format!("approved by {}", by.join(", ")),
    }
}
