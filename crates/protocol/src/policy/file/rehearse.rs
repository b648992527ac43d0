//! What becomes of the people in the stories that happen: a machine is lost, somebody leaves, a thief has the sheet. Each story is
//! played to its end by [`simulate`], for a policy that nobody has lived with yet.

mod story;

use std::collections::{BTreeMap, BTreeSet};

pub use self::story::{Gets, Story, StoryKind};
use super::check::People;
use super::explain::list;
use super::simulate::{Outcome, Said, Scenario, SimulateError, Simulation, Trial, Whose, simulate};
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

/// Plays every story under a policy. All who are honest say at once what they can; in the thieves' stories nobody notices.
///
/// # Errors
///
/// Says so when the keys of an officer are asked for who is none of the policy's, or when the policy is too large: it would
/// take too long.
pub fn rehearse(policy: &Policy, asked: &Rehearsed) -> Result<Rehearsal, RehearseError> {
    let stage = Stage { policy, asked };
    let kinds = stage.kinds_of_officers().len();
    if policy.officers.len() > OFFICERS_MAX || policy.rules.len() > RULES_MAX || kinds > KINDS_MAX {
        return Err(RehearseError::TooLarge);
    }
    let mut stories = vec![
        stage.owner_asks(StoryKind::LostMachine, &[Trial::Code])?,
        stage.owner_asks(StoryKind::LostMachineAndCode, &[])?,
        stage.officer_asks(StoryKind::AnothersKeys, None)?,
        match &policy.departed {
            Some(group) => stage.officer_asks(StoryKind::Leaver, Some(group))?,
            None => {
                let why = "Nobody can say that an owner has left.".to_owned();
                Story::new(StoryKind::Leaver, None, vec![why])
            }
        },
        stage.story(StoryKind::ThiefWithSheet, Request::OWN, &[Trial::Code])?,
        stage.story(StoryKind::ThiefWithMachine, Request::OWN, &[])?,
        stage.owner_asks(StoryKind::ThiefVetoes, &[Trial::Veto, Trial::Code])?,
    ];
    if !policy.officers.is_empty() {
        let denies = |name: &str| Some(Trial::Word(name.to_owned(), Word::Deny));
        let code = [Trial::Code];
        stories.extend([
            stage.dishonest_officer()?,
            stage.one_officer(StoryKind::RefusingOfficer, &code, denies)?,
            stage.one_officer(StoryKind::RefusingOfficerWithoutCode, &[], denies)?,
            stage.one_officer(StoryKind::AbsentOfficer, &code, |_| None)?,
            stage.one_officer(StoryKind::AbsentOfficerWithoutCode, &[], |_| None)?,
        ]);
    }
    Ok(Rehearsal {
        stories,
        untried: stage.untried()?,
    })
}

/// The most officers, rules and kinds of officers of a policy that is rehearsed. Each story signs all officers' words for
/// each kind of them and each wait: this many take some seconds.
const OFFICERS_MAX: usize = 64;
const RULES_MAX: usize = 32;
const KINDS_MAX: usize = 32;
/// How many sets of officers are tried to find how few get keys with a dishonest one.
const SETS_MAX: usize = 500;

/// Why a policy is not rehearsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RehearseError {
    /// Somebody is named who is no officer.
    #[error(transparent)]
    NoOfficer(#[from] SimulateError),
    /// It would take too long.
    #[error(
        "a policy of more than {OFFICERS_MAX} officers, {KINDS_MAX} kinds of them by their groups, or {RULES_MAX} rules is \
         too large to be rehearsed: `policy simulate` tries one request"
    )]
    TooLarge,
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

/// How a dishonest officer gets keys.
struct Way<'k> {
    /// Whichever of these it is.
    officers: &'k [&'k str],
    others: usize,
    /// Whether they say to be the owner.
    is_owner: bool,
    /// Whether they say that the owner has left.
    departed: bool,
    gets: Gets,
}

impl Way<'_> {
    fn sentence(&self) -> String {
        let who = list(self.officers, "or");
        let with = match self.others {
            0 => "alone".to_owned(),
            1 => "with one other officer who is fooled, or joins in".to_owned(),
            others => format!("with {others} other officers who are fooled, or join in"),
        };
        let how = match (self.is_owner, self.departed) {
            (true, false) => "saying to be the owner",
            (true, true) => "saying to be the owner, and that the owner has left",
            (false, false) => "in their own name",
            (false, true) => "in their own name, saying that the owner has left",
        };
        format!("The shortest way: {who} {with}, {how}: keys {}.", self.gets)
    }
}

/// Returns the sets of so many officers, of each kind those that come first; the first of the kind at a place is none of
/// them. Not all, if they are more than are looked at.
fn sets_of<'n>(kinds: &[Vec<&'n str>], without: usize, count: usize) -> Vec<Vec<&'n str>> {
    let mut sets = vec![Vec::new()];
    for (place, officers) in kinds.iter().enumerate() {
        let mut longer = Vec::new();
        for set in &sets {
            let officers = officers.iter().skip(usize::from(place == without));
            let most = officers.len().min(count - set.len());
            for taken in 0..=most {
                let taken = officers.clone().take(taken).copied();
                longer.push(set.iter().copied().chain(taken).collect::<Vec<_>>());
            }
        }
        longer.truncate(100 * SETS_MAX);
        sets = longer;
    }
    sets.retain(|set| set.len() == count);
    sets
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

    /// One officer after another asks for an owner's keys, of whom a group said that they left, and the others approve.
    fn officer_asks(&self, kind: StoryKind, left: Option<&String>) -> Result<Story, SimulateError> {
        let said: Vec<Trial> = self.all_say(Word::Approve).collect();
        let mut askers = Vec::new();
        let mut soonest: Option<Story> = None;
        for officers in self.others_than_asked() {
            let request = Request {
                asker: officers.first().copied(),
                departed: left.is_some(),
            };
            let story = self.story(kind, request, &said)?;
            let Some(gets) = &story.gets else {
                continue;
            };
            askers.extend(officers);
            let before = soonest.as_ref().and_then(|story| story.gets.as_ref());
            if before.is_none_or(|before| gets.after_millis < before.after_millis) {
                soonest = Some(story);
            }
        }
        let Some(mut story) = soonest else {
            return Ok(Story::new(
                kind,
                None,
                vec!["No rule is for them.".to_owned()],
            ));
        };
        let mut who = format!("Can ask: {}", list(&askers, "or"));
        if let Some(group) = left {
            let group = self.people_of(group);
            who += &format!(", once {group} said that the owner has left");
        }
        story.says.insert(1, who + ".");
        Ok(story)
    }

    /// Each officer asks for another's keys, in their own name and in the owner's, with more and more others who are fooled or
    /// join in.
    fn dishonest_officer(&self) -> Result<Story, SimulateError> {
        let kinds = self.others_than_asked();
        let (easiest, is_complete) = self.easiest_way(&kinds)?;
        let mut says = Vec::new();
        if let Some(way) = &easiest {
            says.push(way.sentence());
            let rule = self
                .policy
                .rules
                .iter()
                .find(|rule| rule.name == way.gets.rule);
            let rule = rule.map(|rule| self.what_it_takes(rule, way.departed, false));
            says.extend(rule.into_iter().flatten());
        } else if is_complete {
            says.push("No rule gives officers the keys of others who are there.".to_owned());
        } else {
            says.push(
                "How many others have to be fooled was not found in the time for it.".to_owned(),
            );
        }
        if let Some(group) = &self.policy.departed {
            let group = self.people_of(group);
            says.push(format!(
                "It takes {group} to say that an owner has left who is there."
            ));
        }
        let alone = easiest.filter(|way| way.others == 0).map(|way| way.gets);
        Ok(Story::new(StoryKind::DishonestOfficer, alone, says))
    }

    /// Finds the fewest others with whom an officer gets another's keys, and the soonest way with so few. Tells, too, whether
    /// all sets of officers were tried, if there is no way.
    fn easiest_way<'k>(
        &self,
        kinds: &'k [Vec<&'s str>],
    ) -> Result<(Option<Way<'k>>, bool), SimulateError> {
        let mut sets = 0;
        for others in 0..self.policy.officers.len() {
            let mut easiest: Option<Way<'k>> = None;
            for (place, officers) in kinds.iter().enumerate() {
                let name = officers.first().copied().unwrap_or_default();
                for helpers in sets_of(kinds, place, others) {
                    sets += 1;
                    if sets > SETS_MAX {
                        return Ok((easiest, false));
                    }
                    let people = [name].into_iter().chain(helpers).collect();
                    let Some(way) = self.way(officers, name, &people)? else {
                        continue;
                    };
                    let before = easiest.as_ref().map(|way| way.gets.after_millis);
                    if before.is_none_or(|before| way.gets.after_millis < before) {
                        easiest = Some(way);
                    }
                }
            }
            if easiest.is_some() {
                return Ok((easiest, true));
            }
        }
        Ok((None, true))
    }

    /// Plays what an officer gets of another's, in whoever's name, if these people say yes and nobody else, and that the owner
    /// has left if they are enough for that.
    fn way<'k>(
        &self,
        officers: &'k [&'s str],
        name: &str,
        people: &BTreeSet<&str>,
    ) -> Result<Option<Way<'k>>, SimulateError> {
        let said = people.iter().map(|name| (*name).to_owned());
        let said: Vec<Trial> = said.map(|name| Trial::Word(name, Word::Approve)).collect();
        let group = self.policy.departed.as_ref();
        let group = group.and_then(|group| self.policy.group(group));
        let can_depart = group.is_some_and(|group| group.is_met(self.policy, people));
        let mut easiest: Option<Way<'k>> = None;
        for asker in [None, Some(name)] {
            for departed in [false, true] {
                if departed && !can_depart {
                    continue;
                }
                let Some(gets) = self.play(Request { asker, departed }, &said)?.0 else {
                    continue;
                };
                let before = easiest.as_ref().map(|way| way.gets.after_millis);
                if before.is_none_or(|before| gets.after_millis < before) {
                    easiest = Some(Way {
                        officers,
                        others: people.len() - 1,
                        is_owner: asker.is_none(),
                        departed,
                        gets,
                    });
                }
            }
        }
        Ok(easiest)
    }

    /// An owner asks; all officers approve but one, who does something else.
    fn one_officer(
        &self,
        kind: StoryKind,
        owner: &[Trial],
        does: impl Fn(&str) -> Option<Trial>,
    ) -> Result<Story, SimulateError> {
        let all = self.all_say(Word::Approve);
        let all: Vec<Trial> = owner.iter().cloned().chain(all).collect();
        if self.play(Request::OWN, &all)?.0.is_none() {
            let as_always = "There are none with all officers there either.".to_owned();
            return Ok(Story::new(kind, None, vec![as_always]));
        }
        let mut stuck = Vec::new();
        let mut got = Vec::new();
        for officers in self.kinds_of_officers() {
            let one = officers.first().copied().unwrap_or_default();
            let others = all.iter();
            let others = others.filter(|word| !matches!(word, Trial::Word(by, _) if by == one));
            let said: Vec<Trial> = others.cloned().chain(does(one)).collect();
            match self.play(Request::OWN, &said)?.0 {
                Some(gets) => got.push(gets),
                None => stuck.extend(officers),
            }
        }
        let slowest = got.into_iter().max_by_key(|gets| gets.after_millis);
        Ok(match slowest {
            None => Story::new(kind, None, vec!["Whichever officer it is.".to_owned()]),
            Some(gets) if stuck.is_empty() => Story::new(kind, Some(gets), Vec::new()),
            Some(gets) => Story {
                kind,
                gets: None,
                says: vec![format!(
                    "No keys if it is {}; with any other officer keys {gets}.",
                    list(&stuck, "or")
                )],
            },
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
            Some(rule) => self.what_it_takes(rule, request.departed, said.contains(&Trial::Veto)),
            None => what_is_missing(last),
        };
        Ok(Story::new(kind, gets, says))
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

    /// Returns them without whom is asked about: an owner is no thief of their own keys.
    fn others_than_asked(&self) -> Vec<Vec<&'s str>> {
        let is_asked = |name: &&str| match &self.asked.whose {
            Whose::Anybodys => false,
            Whose::Officers(officer) => officer == name,
            Whose::Owners(asked) => {
                let mut officers = self.policy.officers.iter();
                officers.any(|officer| officer.name == **name && officer.owner == Some(*asked))
            }
        };
        let mut kinds = self.kinds_of_officers();
        for officers in &mut kinds {
            officers.retain(|name| !is_asked(name));
        }
        kinds.retain(|officers| !officers.is_empty());
        kinds
    }

    /// Says what a rule that was met asks for, who is told, and who could have stopped it.
    fn what_it_takes(&self, rule: &Rule, departed: bool, is_vetoed: bool) -> Vec<String> {
        let code = rule.evidence.contains(&EvidenceKind::RecoveryCode);
        let code = code.then(|| "the recovery code".to_owned());
        let approvals = rule.approvals.as_ref().map(|group| self.people_of(group));
        let overrule = rule.overrule.as_ref().map(|group| self.people_of(group));
        let overruled = overrule.as_ref().filter(|_| is_vetoed && rule.veto);
        let overruled = overruled.map(|people| format!("that {people} overrule the veto"));
        let takes = code.into_iter().chain(approvals).chain(overruled);
        let takes: Vec<String> = takes.collect();
        let takes: Vec<&str> = takes.iter().map(String::as_str).collect();
        let officers = rule
            .approvals
            .as_ref()
            .and_then(|group| self.policy.group(group));
        let officers = officers.map(|group| group.people(self.policy));
        let officers: Vec<&str> = officers.into_iter().flatten().collect();
        let mut told = vec!["any machine of the owner's, at its next command".to_owned()];
        let mut stops = Vec::new();
        if !officers.is_empty() {
            told.insert(0, format!("{}, by `officer list`", list(&officers, "and")));
            stops.push(format!("{} by denying it", list(&officers, "or")));
        }
        if rule.veto && !departed {
            let overrule = overrule.map(|people| format!(", unless {people} overrule it"));
            stops.push(format!(
                "a machine of the owner's by a veto{}",
                overrule.unwrap_or_default()
            ));
        }
        let is_over = rule.approvals.is_none() && rule.wait_millis == 0;
        if rule.approvals.is_none() && !self.policy.officers.is_empty() {
            stops.push(
                "who asks with the code from another machine, until officers settle it".to_owned(),
            );
        }
        vec![
            format!("It takes {}.", list(&takes, "and")),
            format!("Told: {}.", told.join("; and ")),
            match &stops[..] {
                _ if is_over => {
                    "Nobody can stop it: the keys are out before anybody is told.".to_owned()
                }
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
            (_, Some(fewest)) if group.of.iter().all(|of| self.policy.group(of).is_none()) => {
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
