//! What a rehearsal tells: the stories, and what became of each. Not how they are played.

use std::fmt;

use crate::policy::file::text::wait_text;

/// What becomes of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// What happened.
    pub kind: StoryKind,
    /// By what they get the keys, and when. Nothing if they get none, or not whoever the officer is.
    pub gets: Option<Gets>,
    /// What there is to say, in sentences, that first: what it takes, who is told, who can stop it, or what is missing.
    pub says: Vec<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoryKind {
    /// The owner has their recovery code, and no machine.
    LostMachine,
    /// The owner has neither.
    LostMachineAndCode,
    /// Somebody asks for the keys of an owner who is there.
    AnothersKeys,
    /// The owner has left or died, and somebody asks for their keys.
    Leaver,
    /// A thief has the owner's recovery code.
    ThiefWithSheet,
    /// A thief has a machine of the owner's, and asks with it.
    ThiefWithMachine,
    /// A thief has a machine of the owner's, and says no to the owner's own request.
    ThiefVetoes,
    /// An officer asks for what is not theirs; they get it if it takes nobody else.
    DishonestOfficer,
    /// An officer says no to an owner who has the code.
    RefusingOfficer,
    /// An officer says no to an owner who has lost the code.
    RefusingOfficerWithoutCode,
    /// An officer does not answer an owner who has the code.
    AbsentOfficer,
    /// An officer does not answer an owner who has lost the code.
    AbsentOfficerWithoutCode,
}

/// By what somebody gets keys, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gets {
    /// The rule.
    pub rule: String,
    /// How long after the request, in milliseconds.
    pub after_millis: u64,
}

impl StoryKind {
    /// Returns the name that programs know it by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LostMachine => "lost-machine",
            Self::LostMachineAndCode => "lost-machine-and-code",
            Self::AnothersKeys => "anothers-keys",
            Self::Leaver => "leaver",
            Self::ThiefWithSheet => "thief-with-sheet",
            Self::ThiefWithMachine => "thief-with-machine",
            Self::ThiefVetoes => "thief-vetoes",
            Self::DishonestOfficer => "dishonest-officer",
            Self::RefusingOfficer => "refusing-officer",
            Self::RefusingOfficerWithoutCode => "refusing-officer-without-code",
            Self::AbsentOfficer => "absent-officer",
            Self::AbsentOfficerWithoutCode => "absent-officer-without-code",
        }
    }

    /// Says what happened, in a sentence without its full stop.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::LostMachine => "An owner's machine is lost; they have their recovery code",
            Self::LostMachineAndCode => "An owner's machine is lost, and their recovery code too",
            Self::AnothersKeys => "An officer asks for the keys of an owner who is there",
            Self::Leaver => "An owner has left, and somebody asks for their keys",
            Self::ThiefWithSheet => {
                "A thief has an owner's code; no officer is fooled, and nobody notices"
            }
            Self::ThiefWithMachine => {
                "A thief has an owner's machine, and not the code; nobody notices"
            }
            Self::ThiefVetoes => "A thief with an owner's machine stops what the owner asks for",
            Self::DishonestOfficer => {
                "An officer asks for what is not theirs, in their own name or in the owner's"
            }
            Self::RefusingOfficer => "An officer says no to an owner who has the recovery code",
            Self::RefusingOfficerWithoutCode => {
                "An officer says no to an owner who has lost the code"
            }
            Self::AbsentOfficer => "An officer is away, and an owner asks who has the code",
            Self::AbsentOfficerWithoutCode => {
                "An officer is away, and an owner asks who has lost the code"
            }
        }
    }
}

impl Story {
    /// Of a request for which everybody did what they can.
    pub(super) fn new(kind: StoryKind, gets: Option<Gets>, says: Vec<String>) -> Self {
        let first = gets
            .as_ref()
            .map_or("No keys.".to_owned(), |gets| format!("Keys {gets}."));
        Self {
            kind,
            gets,
            says: [vec![first], says].concat(),
        }
    }
}

impl fmt::Display for Gets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after_millis {
            0 => f.write_str("at once")?,
            after => write!(f, "after {}", wait_text(after))?,
        }
        write!(f, ", by rule `{}`", self.rule)
    }
}
