//! The people of a policy as tests need them: officers with their keys, and what they sign.

use rand_core::Rng;
use strongroom_protocol::Founding;
use strongroom_protocol::id::{AuthorityId, Digest, OwnerId, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Officer, Policy};
use strongroom_protocol::statement::{
    Approval, Departed, Grounds, PolicyChange, SignedStatement, Statement, Word,
};

use crate::TestRng;
use crate::owner::Asked;

/// An officer, with the secret keys.
pub struct Person {
    /// What the policy calls them.
    pub name: String,
    /// The keys they sign with; the first, if it is not said which.
    pub keys: Vec<SigningKey>,
    /// Who they are as an owner.
    pub owner: Option<OwnerId>,
}

impl Person {
    /// Makes a person with so many keys.
    #[must_use]
    pub fn new(name: &str, keys: usize) -> Self {
        let seed = name
            .bytes()
            .fold(1, |seed, byte| seed * 31 + u64::from(byte));
        let mut rng = TestRng::new(seed);
        let mut key = || {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            SigningKey::from_seed(&seed)
        };
        Self {
            name: name.to_owned(),
            keys: (0..keys).map(|_| key()).collect(),
            owner: None,
        }
    }

    /// Returns the person as a policy has them.
    #[must_use]
    pub fn officer(&self) -> Officer {
        Officer {
            name: self.name.clone(),
            keys: self.keys.iter().map(SigningKey::verifying_key).collect(),
            owner: self.owner,
        }
    }

    /// Says something of a request, under the policy that it names.
    #[must_use]
    pub fn say(&self, word: Word, asked: &Asked) -> SignedStatement {
        say(word, asked, &self.keys[0])
    }

    /// Says something of a change of the policy, under the policy that it replaces.
    #[must_use]
    pub fn say_of_change(&self, word: Word, change: &SignedStatement) -> SignedStatement {
        let change = change_of(change);
        let (subject, policy) = (change.digest(), change.replaces);
        speak(word, change.authority, subject, policy, &self.keys[0])
    }

    /// Says that an owner has departed, or that they have not.
    #[must_use]
    pub fn say_departed(
        &self,
        about: &Founding,
        owner: OwnerId,
        departed: bool,
    ) -> SignedStatement {
        let departed = Departed {
            authority: about.authority(),
            owner,
            departed,
            grounds: Grounds::new("they left".to_owned()).unwrap(),
            created: Time::from_millis(1),
        };
        SignedStatement::sign(departed, &self.keys[0])
    }
}

/// Says something of a request by any key, under the policy that the request names.
#[must_use]
pub fn say(word: Word, asked: &Asked, key: &SigningKey) -> SignedStatement {
    let request = asked.request();
    let (subject, policy) = (request.digest(), request.policy);
    speak(word, request.authority, subject, policy, key)
}

/// Says something of any subject, under any policy, by any key.
#[must_use]
pub fn speak(
    word: Word,
    authority: AuthorityId,
    subject: Digest,
    policy: Digest,
    key: &SigningKey,
) -> SignedStatement {
    let approval = Approval {
        authority,
        subject,
        policy,
        word,
        grounds: Grounds::new(format!("I {} it", word.as_str())).unwrap(),
        created: Time::from_millis(1),
    };
    SignedStatement::sign(approval, key)
}

/// Asks for another policy in the place of one.
#[must_use]
pub fn ask_change(
    about: &Founding,
    replaces: &Policy,
    policy: Policy,
    now: Time,
    key: &SigningKey,
) -> SignedStatement {
    let change = PolicyChange {
        authority: about.authority(),
        policy,
        replaces: replaces.digest(),
        grounds: Grounds::new("times change".to_owned()).unwrap(),
        created: now,
        expires: now.plus_millis(replaces.lapse_millis),
    };
    SignedStatement::sign(change, key)
}

/// Returns the change that a statement asks for.
#[must_use]
pub fn change_of(statement: &SignedStatement) -> &PolicyChange {
    match statement.statement() {
        Statement::PolicyChange(change) => change,
        other => panic!("a change is no {other:?}"),
    }
}
