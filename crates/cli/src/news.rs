//! What the owner is told once: which devices became theirs, which keys of theirs left, and whether another copy of this home may be
//! in use, since this home looked last. It
//! counts as told once it was written, and a thief who was quick is told of as one who still waits is.

use strongroom_client::Client;
use strongroom_client::home::{ApprovedRequest, DeviceRecord, News};

use crate::command::officer::short;
use crate::devices::{Devices, approved_by, digits, origin, which};
use crate::terminal::{count, escape, tell, try_tell, words};

/// How many of each are told of one by one.
const SHOWN: usize = 10;

/// Tells what is new, and records that it was told. What can't be told now is told the next time.
pub(crate) fn tell_news(client: &mut Client<'_>) {
    let said = client.news().map_err(anyhow::Error::from).and_then(|news| {
        if news.is_empty() {
            return Ok(());
        }
        let devices = Devices::of(client.home())?;
        try_tell(text(&news, &devices))?;
        Ok(client.record_told(&news)?)
    });
    // A warning that can't be made is a warning.
    if let Err(error) = said {
        tell(format_args!(
            "warning: whether another device became yours can't be told: {}",
            escape(&format!("{error:#}"))
        ));
    }
}

fn text(news: &News, devices: &Devices) -> String {
    let mut lines = Vec::new();
    if !news.devices.is_empty() {
        lines.push(format!(
            "warning: {} yours since this home looked last:",
            count(
                news.devices.len() as u64,
                "other device became",
                "other devices became"
            )
        ));
        lines.extend(news.devices.iter().take(SHOWN).map(of_device));
        lines.extend(more(news.devices.len(), "device list"));
        lines.push("  `strongroom device list` shows all of them.".to_owned());
    }
    if !news.requests.is_empty() {
        lines.push(format!(
            "warning: {} approved since this home looked last:",
            count(
                news.requests.len() as u64,
                "request by another for your keys was",
                "requests by others for your keys were"
            )
        ));
        let told = |request| of_request(request, devices);
        lines.extend(news.requests.iter().take(SHOWN).map(told));
        lines.extend(more(news.requests.len(), "log show"));
    }
    if news.elsewhere > 0 {
        lines.push(format!(
            "note: this machine's device signed {} that this Strongroom folder did not make. If a backup of the folder was put \
             back,\n  or a command was stopped just then, all is well. If a copy of the folder is in use, give that machine a device \
             of its own:\n  `strongroom device invite` makes an invitation",
            count(news.elsewhere, "statement", "statements")
        ));
    }
    lines.join("\n")
}

fn more(all: usize, command: &str) -> Option<String> {
    let more = all.checked_sub(SHOWN).filter(|more| *more > 0)?;
    Some(format!("  and {more} more: `strongroom {command}`"))
}

fn of_device(device: &DeviceRecord) -> String {
    let which = which(device.id, device.name.as_deref());
    let keys = match device.request() {
        None => String::new(),
        Some(request) => format!("; {} left{}", keys(request), because(request)),
    };
    let then = match device.revoked {
        Some(gone) => format!("It was revoked on {}", gone.time),
        None => format!(
            "If it is not yours, or lost: strongroom device revoke {}",
            short(digits(device.id))
        ),
    };
    format!("  {which}: {}{keys}\n    {then}", origin(device))
}

fn of_request(request: &ApprovedRequest, devices: &Devices) -> String {
    let who = match request.asker {
        Some(owner) => format!("by owner {}", short(owner)),
        None => devices
            .by_other(request.device)
            .unwrap_or_else(|| "by you".to_owned()),
    };
    format!(
        "  request {} of {}, {who}, {} on {}; {} left{}",
        short(request.id),
        request.asked,
        approved_by(request),
        request.approved,
        keys(request),
        because(request)
    )
}

fn keys(request: &ApprovedRequest) -> String {
    format!(
        "{} of {}",
        request.answered,
        count(request.keys, "key", "keys")
    )
}

fn because(request: &ApprovedRequest) -> String {
    match request.grounds.as_str() {
        "" => String::new(),
        why => format!(", saying: {}", words(why)),
    }
}
