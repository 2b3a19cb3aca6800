//! Payment links that wallets open: BIP21 for Bitcoin, EIP-681 for Ether and tokens.
//!
//! A wallet believes the link, so amounts are exact integers of the smallest unit until the last step, and whatever
//! people have typed is percent-encoded.

use super::address::Address;
use super::chain::Chain;
use crate::invalid::Invalid;
use std::fmt::Write;

const SATOSHI_PER_BITCOIN: u64 = 100_000_000;

/// What a link asks for, besides the address and the amount. Only Bitcoin's links have room for words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Words<'a> {
    /// Who is paid.
    pub label: Option<&'a str>,
    /// What for.
    pub message: Option<&'a str>,
}

/// A BIP21 link: `bitcoin:bc1q…?amount=0.002&label=Mizan`. The amount is in satoshi; without one, the payer chooses.
///
/// # Errors
/// [`Invalid::NotAnAddress`] for an address of another family.
pub fn bitcoin(address: &Address, satoshi: Option<u64>, words: Words<'_>) -> Result<String, Invalid> {
    match address.chain() {
        Chain::Bitcoin(_) => (),
        chain @ Chain::Evm(_) => return Err(Invalid::NotAnAddress { chain }),
    }
    let fields = [
        ("amount", satoshi.map(in_bitcoin)),
        ("label", words.label.map(percent_encoded)),
        ("message", words.message.map(percent_encoded)),
    ];
    let given = fields.iter().filter_map(|(name, value)| value.as_ref().map(|it| format!("{name}={it}")));
    let query: Vec<String> = given.collect();
    let mark = if query.is_empty() { "" } else { "?" };
    Ok(format!("bitcoin:{address}{mark}{}", query.join("&")))
}

/// An EIP-681 link for the chain's own coin: `ethereum:0x…@1?value=2014000000000000000`. The amount is in wei.
///
/// # Errors
/// [`Invalid::NotAnAddress`] for an address of another family.
pub fn ether(address: &Address, wei: Option<u128>) -> Result<String, Invalid> {
    let chain_id = chain_id(address)?;
    let value = wei.map(|it| format!("?value={it}")).unwrap_or_default();
    Ok(format!("ethereum:{address}@{chain_id}{value}"))
}

/// An EIP-681 link for an ERC-20 token: `ethereum:<contract>@1/transfer?address=0x…&uint256=1000000`. The amount is in
/// the token's smallest unit, whatever decimals it has. Contract and payee must be on one chain.
///
/// # Errors
/// [`Invalid::NotAnAddress`] for an address of another family, [`Invalid::WrongNetwork`] for two chains.
pub fn token(contract: &Address, payee: &Address, units: Option<u128>) -> Result<String, Invalid> {
    let chain_id = chain_id(contract)?;
    if payee.chain() != contract.chain() {
        return Err(Invalid::WrongNetwork { expected: contract.chain() });
    }
    let amount = units.map(|it| format!("&uint256={it}")).unwrap_or_default();
    Ok(format!("ethereum:{contract}@{chain_id}/transfer?address={payee}{amount}"))
}

fn chain_id(address: &Address) -> Result<u64, Invalid> {
    match address.chain() {
        Chain::Evm(id) => Ok(id),
        chain @ Chain::Bitcoin(_) => Err(Invalid::NotAnAddress { chain }),
    }
}

/// Bitcoin in plain decimals, without zeros at the end, as BIP21 writes them.
fn in_bitcoin(satoshi: u64) -> String {
    let (whole, part) = (satoshi / SATOSHI_PER_BITCOIN, satoshi % SATOSHI_PER_BITCOIN);
    let text = format!("{whole}.{part:08}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// RFC 3986: everything but letters, digits and `- . _ ~` as the bytes of its UTF-8. A plus sign would be read as itself.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onchain::Network;

    fn on(chain: Chain, text: &str) -> Address {
        Address::parse(text, chain).unwrap()
    }

    #[test]
    fn bitcoin_links_are_exact_and_encoded() {
        let address = on(Chain::Bitcoin(Network::Main), "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu");
        let plain = format!("bitcoin:{address}");
        let amounts = [
            (1, "0.00000001"),
            (200_000, "0.002"),
            (13_790, "0.0001379"),
            (100_000_000, "1"),
            (2_030_000_000, "20.3"),
            (2_100_000_000_000_000, "21000000"),
            (0, "0"),
        ];
        for (satoshi, amount) in amounts {
            let link = bitcoin(&address, Some(satoshi), Words::default());
            assert_eq!(link, Ok(format!("{plain}?amount={amount}")));
        }
        assert_eq!(bitcoin(&address, None, Words::default()), Ok(plain.clone()));
        let words = Words { label: Some("Luke-Jr & Söhne"), message: Some("50% of قهوة + 1?") };
        let expected = format!(
            "{plain}?amount=0.002&label=Luke-Jr%20%26%20S%C3%B6hne&message=50%25%20of%20%D9%82%D9%87%D9%88%D8%A9%20%2B%201%3F"
        );
        assert_eq!(bitcoin(&address, Some(200_000), words), Ok(expected));
        assert_eq!(bitcoin(&address, None, Words { label: Some("A"), message: None }), Ok(format!("{plain}?label=A")));
        let ethereum = on(Chain::Evm(1), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
        assert_eq!(bitcoin(&ethereum, None, Words::default()).unwrap_err().code(), "not_an_address");
    }

    #[test]
    fn ethereum_links_name_the_chain_and_whole_units() {
        let payee = on(Chain::Evm(1), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
        let usdc = on(Chain::Evm(1), "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48");
        assert_eq!(
            ether(&payee, Some(18_446_744_073_709_551_616)),
            Ok("ethereum:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed@1?value=18446744073709551616".into())
        );
        assert_eq!(ether(&payee, None), Ok("ethereum:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed@1".into()));
        assert_eq!(
            token(&usdc, &payee, Some(1_000_000)),
            Ok("ethereum:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48@1/transfer\
                ?address=0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed&uint256=1000000"
                .into())
        );
        let elsewhere = on(Chain::Evm(137), payee.as_str());
        assert_eq!(token(&usdc, &elsewhere, Some(1)).unwrap_err().code(), "wrong_network");
        let bitcoin = on(Chain::Bitcoin(Network::Main), "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA");
        assert_eq!(ether(&bitcoin, Some(1)).unwrap_err().code(), "not_an_address");
    }
}
