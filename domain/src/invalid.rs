//! Why a value could not be read: the one error of all checked constructors.

use crate::money::Currency;
use crate::onchain::{Chain, Script};

/// A value that is not what its field asks for. The messages say what was wrong and what to write instead; they
/// never repeat a value that may be a card number or a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A personal value that is not sealed; it is never repeated.
    #[error("a personal value stands where a sealed one belongs")]
    NotSealed,
    /// Not a circulating ISO 4217 currency.
    #[error("{0:?} is not an ISO 4217 currency code that payments are made in; write for example \"EUR\"")]
    UnknownCurrency(String),
    /// Not a decimal number in plain digits.
    #[error("{0:?} is not an amount; write plain digits as text, for example \"12.30\"")]
    NotAnAmount(String),
    /// A minus sign.
    #[error("{0:?} is negative; amounts are positive and the command says the direction")]
    NegativeAmount(String),
    /// More digits after the point than the currency has. Never rounded.
    #[error("{text:?} has {decimals} decimals, but {currency} has {allowed}; amounts are never rounded")]
    TooManyDecimals {
        /// What was written.
        text: String,
        /// The digits after its point.
        decimals: usize,
        /// The currency it was read in.
        currency: Currency,
        /// The digits that the currency has.
        allowed: u32,
    },
    /// Beyond [`minor_max`](Currency::minor_max).
    #[error(
        "the amount is too large; the limit is {} minor units, of an asset {}",
        crate::money::AMOUNT_MINOR_MAX,
        crate::money::ASSET_MINOR_MAX
    )]
    AmountTooLarge,
    /// Two currencies where one was expected.
    #[error("{right} cannot be combined with {left}; amounts are never summed across currencies")]
    CurrencyMismatch {
        /// The currency expected.
        left: Currency,
        /// The currency found.
        right: Currency,
    },
    /// A result below zero where nothing may be owed the other way.
    #[error("the result would be negative")]
    BelowZero,
    /// Not a rate between the limits.
    #[error(
        "{0:?} is not a rate; write a fraction of one as text with at most 8 decimals, for example \"0.20\" for 20 %"
    )]
    NotARate(String),
    /// Not a time zone.
    #[error("{0:?} is not a time zone; write its IANA name, for example \"Asia/Riyadh\"")]
    UnknownTimeZone(String),
    /// Not an id.
    #[error("{0:?} is not an id; use 1 to 64 letters, digits and the characters - _ . : after a letter or digit")]
    NotAnId(String),
    /// Empty text.
    #[error("the text is empty")]
    EmptyText,
    /// Text beyond the limit.
    #[error("the text has {length} characters; the limit is {limit}")]
    TextTooLong {
        /// Its characters.
        length: usize,
        /// The most that are allowed.
        limit: usize,
    },
    /// Control characters, or direction overrides that make a number read as another one.
    #[error("the text contains a control or text-direction character (U+{0:04X})")]
    ForbiddenCharacter(u32),
    /// A payment card number: it must not be stored, whatever the field.
    #[error("the field contains a card number, which must never be sent here; use the payment provider's token")]
    CardNumber,
    /// A private key or a seed phrase: whoever has it has the money, whatever the field.
    #[error(
        "the field contains a private key or a seed phrase, which must never be sent here: who reads it can take the \
         money, so treat it as lost; Mizan only watches and needs the account's public key"
    )]
    PrivateKey,
    /// Not the CAIP-2 name of a chain.
    #[error("{0:?} is not a chain that can be watched; write its CAIP-2 name, for example \"eip155:1\"")]
    UnknownChain(String),
    /// Not an address of the chain, whatever the network.
    #[error("this is not an address on {chain}, or not of a kind that can be paid safely")]
    NotAnAddress {
        /// The chain it was read for.
        chain: Chain,
    },
    /// An address with a wrong checksum.
    #[error("the address has a wrong checksum: a character is mistyped or missing; copy it again")]
    AddressChecksum,
    /// An address or key of a test network on the main one, or the other way.
    #[error("this belongs to another network than {expected}; test and main networks are never mixed")]
    WrongNetwork {
        /// The chain it was read for.
        expected: Chain,
    },
    /// Not the public key of an account.
    #[error("this is not an account's extended public key: {0}")]
    NotAnAccountKey(&'static str),
    /// A key whose prefix says another type of address, or a type that its chain does not have.
    #[error("this key is not for {script} addresses on {chain}: {hint}")]
    WrongScript {
        /// The type of address asked for.
        script: Script,
        /// The chain asked for.
        chain: Chain,
        /// What to send instead.
        hint: &'static str,
    },
    /// Beyond the addresses that an account has.
    #[error("there is no address {0}: an account's addresses are numbered from 0 to 2147483647")]
    NoSuchAddress(u32),
    /// Not an asset of such a chain.
    #[error("{0:?} is not an asset; write its CAIP-19 name, for example \"eip155:1/slip44:60\"")]
    UnknownAsset(String),
    /// Not a transaction of a chain.
    #[error("{0:?} is not a transaction id; write its 64 hexadecimal digits")]
    NotATransaction(String),
    /// Not a price.
    #[error("{0:?} is not an exchange rate; write a positive decimal number as text, for example \"50500.25\"")]
    NotAnExchangeRate(String),
}

impl Invalid {
    /// A stable code for machines; never renamed.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownCurrency(_) => "unknown_currency",
            Self::NotAnAmount(_) => "not_an_amount",
            Self::NegativeAmount(_) => "negative_amount",
            Self::TooManyDecimals { .. } => "too_many_decimals",
            Self::AmountTooLarge => "amount_too_large",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::BelowZero => "below_zero",
            Self::NotARate(_) => "not_a_rate",
            Self::UnknownTimeZone(_) => "unknown_time_zone",
            Self::NotAnId(_) => "not_an_id",
            Self::EmptyText => "empty_text",
            Self::TextTooLong { .. } => "text_too_long",
            Self::ForbiddenCharacter(_) => "forbidden_character",
            Self::CardNumber => "card_number_not_allowed",
            Self::NotSealed => "not_sealed",
            Self::PrivateKey => "private_key_not_allowed",
            Self::UnknownChain(_) => "unknown_chain",
            Self::NotAnAddress { .. } => "not_an_address",
            Self::AddressChecksum => "address_checksum",
            Self::WrongNetwork { .. } => "wrong_network",
            Self::NotAnAccountKey(_) => "not_an_account_key",
            Self::WrongScript { .. } => "wrong_script",
            Self::NoSuchAddress(_) => "no_such_address",
            Self::UnknownAsset(_) => "unknown_asset",
            Self::NotATransaction(_) => "not_a_transaction",
            Self::NotAnExchangeRate(_) => "not_an_exchange_rate",
        }
    }
}
