// SPDX-License-Identifier: MIT OR Apache-2.0
// Token.hex is this file compiled by solc 0.8.37 with evmVersion paris, optimizer runs 1, and no metadata.
pragma solidity ^0.8.20;

/// A token with the traps of real ones: a fee that can be switched on (as USDT's), and a hostile contract's lie.
contract Token {
    event Transfer(address indexed from, address indexed to, uint256 value);

    mapping(address => uint256) public balanceOf;
    uint256 public fee_percent;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        require(balanceOf[msg.sender] >= value, "not enough");
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value - value * fee_percent / 100;
        emit Transfer(msg.sender, to, value);
        return true;
    }

    /// Two transfers in one transaction.
    function transferTwice(address to, uint256 value) external {
        moved(to, value);
        moved(to, value);
    }

    function moved(address to, uint256 value) private {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
    }

    function setFee(uint256 percent) external {
        fee_percent = percent;
    }

    /// Says that something has moved, and moves nothing.
    function lie(address to, uint256 value) external {
        emit Transfer(msg.sender, to, value);
    }
}
