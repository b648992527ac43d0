//! What becomes of the people in the stories that happen: a machine is lost, somebody leaves, a thief has the sheet. Each story is
//! played to its end by [`simulate`], for a policy that nobody has lived with yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::check::People;
use super::explain::list;
use super::simulate::{Outcome, Said, Scenario, SimulateError, Simulation, Trial, Whose, simulate};
use super::text::wait_text;
use crate::id::Time;
use crate::policy::{Officer, Policy, Reason, Rule, Standing};
use crate::statement::{EvidenceKind, Word};

/// Which keys the stories are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// Whose.
    pub whose: Whose,
    /// How many.
    pub keys: u64,
    /// The labels that every one of them has.
    pub labels: BTreeMap<String, String>,
}

/// A policy that was tried on every story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// What became of each story.
    pub stories: Vec<Story>,
    /// The names of the rules that were for none of the requests: they are for other owners, fewer keys, or labelled ones.
    pub untried: Vec<String>,
}

/// What becomes of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// What happened.
    pub kind: StoryKind,
    /// By what they get the keys, and when; if nobody gets any, nothing.
    pub gets: Option<Gets>,
    /// What else there is to say, in sentences: what it takes, who is told, who can stop it, or what is missing.
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
    /// An officer says no to everything.
    RefusingOfficer,
    /// An officer does not answer.
    AbsentOfficer,
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
            Self::AbsentOfficer => "absent-officer",
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
                "A thief has an owner's recovery code, and no officer is fooled"
            }
            Self::ThiefWithMachine => "A thief asks with an owner's machine, without the code",
            Self::ThiefVetoes => "A thief with an owner's machine stops what the owner asks for",
            Self::DishonestOfficer => {
                "An officer asks for what is not theirs, in their own name or in the owner's"
            }
            Self::RefusingOfficer => "An officer says no to whatever an owner asks for",
            Self::AbsentOfficer => "An officer is away when an owner asks",
        }
    }
}

impl Gets {
    fn by(rule: &Rule) -> Self {
        Self {
            rule: rule.name.clone(),
            after_millis: rule.wait_millis,
        }
    }
}

impl Story {
    fn nothing(kind: StoryKind, why: &str) -> Self {
        Self {
            kind,
            gets: None,
            says: vec![why.to_owned()],
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

/// Plays every story under a policy, each as if all who are honest did what they can.
///
/// # Errors
///
/// Says so when the keys of an officer are asked for who is none of the policy's.
pub fn rehearse(policy: &Policy, asked: &Rehearsed) -> Result<Rehearsal, SimulateError> {
    let stage = Stage { policy, asked };
    let mut stories = vec![
        stage.owner_asks(StoryKind::LostMachine, &[Trial::Code])?,
        stage.owner_asks(StoryKind::LostMachineAndCode, &[])?,
        stage.officer_asks(StoryKind::AnothersKeys, None)?,
        match &policy.departed {
            Some(group) => stage.officer_asks(StoryKind::Leaver, Some(group))?,
            None => Story::nothing(StoryKind::Leaver, "Nobody can say that an owner has left."),
        },
        stage.story(StoryKind::ThiefWithSheet, Request::OWN, &[Trial::Code])?,
        stage.story(StoryKind::ThiefWithMachine, Request::OWN, &[])?,
        stage.owner_asks(StoryKind::ThiefVetoes, &[Trial::Veto, Trial::Code])?,
    ];
    if !policy.officers.is_empty() {
        let denies = |name: &str| Some(Trial::Word(name.to_owned(), Word::Deny));
        stories.extend([
            stage.dishonest_officer()?,
            stage.one_officer(StoryKind::RefusingOfficer, denies)?,
            stage.one_officer(StoryKind::AbsentOfficer, |_| None)?,
        ]);
    }
    Ok(Rehearsal {
        stories,
        untried: stage.untried()?,
    })
}

/// Who makes a request.
#[derive(Clone, Copy)]
struct Request<'r> {
    /// The officer who asks; the owner, or whoever says to be, if nobody.
    asker: Option<&'r str>,
    /// Whether the owner has departed.
    departed: bool,
}

impl Request<'_> {
    const OWN: Self = Self {
        asker: None,
        departed: false,
    };
}

struct Stage<'s> {
    policy: &'s Policy,
    asked: &'s Rehearsed,
}

impl<'s> Stage<'s> {
    /// The owner asks, all officers approve, and overrule a veto.
    fn owner_asks(&self, kind: StoryKind, said: &[Trial]) -> Result<Story, SimulateError> {
        let words = [Word::Approve, Word::Overrule].into_iter();
        let words = words.flat_map(|word| self.all_say(word));
        let said: Vec<Trial> = said.iter().cloned().chain(words).collect();
        self.story(kind, Request::OWN, &said)
    }

    /// One officer after another asks for an owner's keys, of whom a group said that they left, and the others approve: what
    /// the first who gets them gets.
    fn officer_asks(&self, kind: StoryKind, left: Option<&String>) -> Result<Story, SimulateError> {
        let said: Vec<Trial> = self.all_say(Word::Approve).collect();
        for officers in self.kinds_of_officers() {
            let request = Request {
                asker: officers.first().copied(),
                departed: left.is_some(),
            };
            let mut story = self.story(kind, request, &said)?;
            if story.gets.is_some() {
                let mut who = format!("Can ask: {}", list(&officers, "or"));
                if let Some(group) = left {
                    let group = self.people_of(group);
                    who += &format!(", once {group} said that the owner has left");
                }
                story.says.insert(0, who + ".");
                return Ok(story);
            }
        }
        Ok(Story::nothing(kind, "No rule is for them."))
    }

    /// Each officer asks for another's keys, in their own name and in the owner's. Alone they get none by a policy that makes
    /// sense: how many others have to be fooled, or join in, is what tells policies apart.
    fn dishonest_officer(&self) -> Result<Story, SimulateError> {
        let mut people = People::of(self.policy);
        let mut ways = Vec::new();
        for officers in self.kinds_of_officers() {
            let name = officers.first().copied();
            let alone: BTreeSet<&str> = name.into_iter().collect();
            let group = self.policy.departed.as_ref();
            let group = group.and_then(|group| self.policy.group(group));
            let departed = group.is_some_and(|group| group.is_met(self.policy, &alone));
            for asker in [None, name] {
                for departed in [false, departed] {
                    for rule in self.met_by_all(Request { asker, departed })? {
                        let approvals = rule.approvals.as_ref();
                        let fewest = approvals.and_then(|group| people.fewest(group));
                        let group = approvals.and_then(|group| self.policy.group(group));
                        let group = group.map(|group| group.people(self.policy));
                        // Nothing shows that whoever says to be the owner is one of those who approve.
                        let own =
                            asker.is_none() && group.is_some_and(|it| !it.is_disjoint(&alone));
                        let others = fewest.map(|fewest| fewest.saturating_sub(usize::from(own)));
                        ways.extend(others.map(|others| (others, rule, officers.clone())));
                    }
                }
            }
        }
        let easiest = ways
            .into_iter()
            .min_by_key(|(others, rule, _)| (*others, rule.wait_millis));
        let mut says = Vec::new();
        let mut alone = None;
        if let Some((others, rule, officers)) = easiest {
            let gets = Gets::by(rule);
            let who = list(&officers, "or");
            let who_else = match others {
                0 => "alone".to_owned(),
                1 => "with one other officer who is fooled, or joins in,".to_owned(),
                _ => format!("with {others} other officers who are fooled, or join in,"),
            };
            says.push(format!(
                "The shortest way: {who} {who_else} gets keys {gets}."
            ));
            says.extend(self.what_it_takes(rule, Request::OWN));
            alone = Some(gets).filter(|_| others == 0);
        } else {
            says.push("No rule gives officers the keys of others who are there.".to_owned());
        }
        Ok(Story {
            kind: StoryKind::DishonestOfficer,
            gets: alone,
            says,
        })
    }

    /// Returns the rules by which a request gets its keys, once they have waited, if all officers approve.
    fn met_by_all(&self, request: Request<'_>) -> Result<Vec<&'s Rule>, SimulateError> {
        let said: Vec<Trial> = self.all_say(Word::Approve).collect();
        let longest = self.waits().last().copied().unwrap_or(0);
        let tried = self.at(request, &said, longest)?.rules.into_iter();
        let met = tried.filter(|tried| tried.standing == Standing::Met);
        let met: BTreeSet<String> = met.map(|tried| tried.rule).collect();
        let rules = self.policy.rules.iter();
        Ok(rules.filter(|rule| met.contains(&rule.name)).collect())
    }

    /// An owner asks with the code, and another without. All officers approve but one, who does something else: whichever
    /// it is, if both owners get their keys.
    fn one_officer(
        &self,
        kind: StoryKind,
        does: impl Fn(&str) -> Option<Trial>,
    ) -> Result<Story, SimulateError> {
        let mut says = Vec::new();
        let mut all = Vec::new();
        let mut is_anybody_stuck = false;
        for (who, code) in [
            ("Who has the code", Some(Trial::Code)),
            ("Who has lost the code", None),
        ] {
            let mut stuck = Vec::new();
            let mut got = Vec::new();
            for officers in self.kinds_of_officers() {
                let one = officers.first().copied().unwrap_or_default();
                let others = self.all_say(Word::Approve);
                let others = others.filter(|word| !matches!(word, Trial::Word(by, _) if by == one));
                let said = code.iter().cloned().chain(does(one)).chain(others);
                match self.play(Request::OWN, &said.collect::<Vec<_>>())?.0 {
                    Some(gets) => got.push(gets),
                    None => stuck.extend(officers),
                }
            }
            let slowest = got.into_iter().max_by_key(|gets| gets.after_millis);
            says.push(match &slowest {
                None => format!("{who} gets nothing, whichever officer it is."),
                Some(_) if !stuck.is_empty() => {
                    format!("{who} gets nothing if it is {}.", list(&stuck, "or"))
                }
                Some(gets) => format!("{who} gets the keys {gets}."),
            });
            is_anybody_stuck |= !stuck.is_empty();
            all.extend(slowest);
        }
        let slowest = all.into_iter().max_by_key(|gets| gets.after_millis);
        Ok(Story {
            kind,
            gets: slowest.filter(|_| !is_anybody_stuck),
            says,
        })
    }

    /// Plays a request to its end, and says what it took, or what is missing.
    fn story(
        &self,
        kind: StoryKind,
        request: Request<'_>,
        said: &[Trial],
    ) -> Result<Story, SimulateError> {
        let (gets, last) = self.play(request, said)?;
        let is_it = |rule: &&Rule| gets.as_ref().is_some_and(|gets| gets.rule == rule.name);
        let says = match self.policy.rules.iter().find(is_it) {
            Some(rule) => self.what_it_takes(rule, request),
            None => what_is_missing(last),
        };
        Ok(Story { kind, gets, says })
    }

    /// Finds the earliest time at which a request is approved: now, or when some rule has waited. Returns how it stands
    /// when all have, too.
    fn play(
        &self,
        request: Request<'_>,
        said: &[Trial],
    ) -> Result<(Option<Gets>, Simulation), SimulateError> {
        let waits = self.waits();
        let last = self.at(request, said, waits.last().copied().unwrap_or(0))?;
        // All is said at once: what is approved at some time is approved from then on.
        if matches!(last.outcome, Outcome::Approved(_)) {
            for after_millis in waits {
                let outcome = self.at(request, said, after_millis)?.outcome;
                if let Outcome::Approved(rule) = outcome {
                    return Ok((Some(Gets { rule, after_millis }), last));
                }
            }
        }
        Ok((None, last))
    }

    /// Returns now, and when each rule has waited, after how many milliseconds, as far as requests last.
    fn waits(&self) -> BTreeSet<u64> {
        let waits = self.policy.rules.iter().map(|rule| rule.wait_millis);
        let waits = waits.filter(|wait| *wait < self.policy.lapse_millis);
        waits.chain([0]).collect()
    }

    fn at(
        &self,
        request: Request<'_>,
        said: &[Trial],
        after_millis: u64,
    ) -> Result<Simulation, SimulateError> {
        let recorded = Time::from_millis(0);
        let said = said.iter().cloned();
        let scenario = Scenario {
            whose: self.asked.whose.clone(),
            asker: request.asker.map(str::to_owned),
            keys: self.asked.keys,
            labels: self.asked.labels.clone(),
            departed: request.departed,
            rival: false,
            recorded,
            said: said.map(|what| Said { at: recorded, what }).collect(),
            now: recorded.plus_millis(after_millis),
        };
        simulate(self.policy, &scenario)
    }

    fn all_say(&self, word: Word) -> impl Iterator<Item = Trial> {
        let officers = self.policy.officers.iter();
        officers.map(move |officer| Trial::Word(officer.name.clone(), word))
    }

    /// Returns the officers, those together whom the policy does not tell apart: what one of them can do all can.
    fn kinds_of_officers(&self) -> Vec<Vec<&'s str>> {
        let mut kinds: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for Officer { name, owner, .. } in &self.policy.officers {
            let groups = self.policy.groups.iter();
            let groups = groups.filter(|group| group.of.contains(name));
            let groups: Vec<&str> = groups.map(|group| &*group.name).collect();
            let is_asked_about = match &self.asked.whose {
                Whose::Anybodys => false,
                Whose::Officers(officer) => officer == name,
                Whose::Owners(asked) => *owner == Some(*asked),
            };
            let kind = (groups, owner.is_some(), is_asked_about);
            kinds.entry(kind).or_default().push(name);
        }
        let mut kinds: Vec<Vec<&str>> = kinds.into_values().collect();
        let place = |name: &str| {
            let mut officers = self.policy.officers.iter();
            officers.position(|officer| officer.name == name)
        };
        kinds.sort_by_key(|kind| kind.first().map(|name| place(name)));
        kinds
    }

    /// Says what a rule that was met asks for, who is told, and who could have stopped it.
    fn what_it_takes(&self, rule: &Rule, request: Request<'_>) -> Vec<String> {
        let code = rule.evidence.contains(&EvidenceKind::RecoveryCode);
        let code = code.then(|| "the recovery code".to_owned());
        let approvals = rule.approvals.as_ref().map(|group| self.people_of(group));
        let takes: Vec<String> = code.into_iter().chain(approvals).collect();
        let takes: Vec<&str> = takes.iter().map(String::as_str).collect();
        let officers = rule
            .approvals
            .as_ref()
            .and_then(|group| self.policy.group(group));
        let officers = officers.map(|group| group.people(self.policy));
        let officers: Vec<&str> = officers.into_iter().flatten().collect();
        let mut told = vec!["the owner's machines, at their next command".to_owned()];
        let mut stops = Vec::new();
        if !officers.is_empty() {
            told.insert(0, format!("{}, by `officer list`", list(&officers, "and")));
            stops.push(format!("{} by denying it", list(&officers, "or")));
        }
        if rule.veto && !request.departed {
            let overrule = rule.overrule.as_ref().map(|group| self.people_of(group));
            let overrule = overrule.map(|people| format!(", unless {people} overrule it"));
            stops.push(format!(
                "a machine of the owner's by a veto{}",
                overrule.unwrap_or_default()
            ));
        }
        if rule.approvals.is_none() && !self.policy.officers.is_empty() {
            stops.push(
                "who asks with the code from another machine, until officers settle it".to_owned(),
            );
        }
        vec![
            format!("It takes {}.", list(&takes, "and")),
            format!("Told: {}.", told.join("; and ")),
            match &stops[..] {
                [] => "Nobody can stop it.".to_owned(),
                _ => format!("Can stop it: {}.", stops.join("; or ")),
            },
        ]
    }

    /// `2 of ada, bob and cid`: who says yes where a group does.
    fn people_of(&self, name: &str) -> String {
        let Some(group) = self.policy.group(name) else {
            return "nobody".to_owned();
        };
        let people: Vec<&str> = group.people(self.policy).into_iter().collect();
        match (&people[..], People::of(self.policy).fewest(name)) {
            ([one], _) => (*one).to_owned(),
            // Of groups not any so many are enough.
            (_, Some(fewest)) if people.len() == group.of.len() => {
                format!("{fewest} of {}", list(&people, "and"))
            }
            (_, Some(fewest)) => {
                let people = list(&people, "and");
                format!("`{name}`, which is {fewest} of {people} at the least")
            }
            (_, None) => format!("`{name}`"),
        }
    }

    /// Finds the rules that are for no request of these keys, whoever makes it.
    fn untried(&self) -> Result<Vec<String>, SimulateError> {
        let mut untried: Vec<&Rule> = self.policy.rules.iter().collect();
        let kinds = self.kinds_of_officers();
        let officers = kinds.iter().map(|officers| officers.first().copied());
        for asker in officers.chain([None]) {
            for departed in [false, true] {
                for tried in self.at(Request { asker, departed }, &[], 0)?.rules {
                    if !matches!(tried.standing, Standing::Inapplicable(_)) {
                        untried.retain(|rule| rule.name != tried.rule);
                    }
                }
            }
        }
        Ok(untried.iter().map(|rule| rule.name.clone()).collect())
    }
}

/// Says what each rule that a request could come by still needs.
fn what_is_missing(last: Simulation) -> Vec<String> {
    let mut says = Vec::new();
    for tried in last.rules {
        match tried.standing {
            Standing::Inapplicable(_) | Standing::Met => {}
            Standing::Missing(reasons) => says.extend(reasons.iter().filter_map(sentence)),
            Standing::Stopped(reason) => says.extend(sentence(&reason)),
        }
    }
    if says.is_empty() {
        says.push("No rule is for such a request.".to_owned());
    }
    says
}

/// Says a reason for people who have no device and no clock in front of them.
fn sentence(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::Waits { rule, .. } => {
            format!("Rule `{rule}` waits longer than a request lasts.")
        }
        Reason::Vetoed { rule, .. } => {
            format!("The veto of a machine of the owner's stops rule `{rule}`.")
        }
        Reason::NeedsApprovals { rule, group, have } => {
            let have: Vec<&str> = have.iter().map(String::as_str).collect();
            let so_far = match have[..] {
                [] => String::new(),
                _ => format!(", and {} are not enough", list(&have, "and")),
            };
            format!("Rule `{rule}` needs the approval of `{group}`{so_far}.")
        }
        Reason::NeedsEvidence { rule, .. } => {
            format!("Rule `{rule}` needs the owner's recovery code.")
        }
        Reason::Denied { .. } | Reason::Frozen { .. } | Reason::Lapsed { .. } | Reason::NoRule => {
            return None;
        }
    })
}
