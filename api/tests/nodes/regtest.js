// Starts bcoin on a private network of its own, in memory, and prints its port. Ends with its standard input.
'use strict';

const path = require('path');
const bcoin = path.join(process.argv[2], 'node_modules', 'bcoin', 'lib');
const regtest = require(path.join(bcoin, 'protocol', 'networks')).regtest;
const FullNode = require(path.join(bcoin, 'node', 'fullnode'));

// As Bitcoin Core has them.
regtest.addressPrefix.pubkeyhash = 0x6f;
regtest.addressPrefix.scripthash = 0xc4;
regtest.addressPrefix.bech32 = 'bcrt';

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

(async () => {
  const node = new FullNode({
    network: 'regtest', memory: true, config: false, argv: false, env: false, logConsole: false, workers: false,
    httpHost: '127.0.0.1', httpPort: Number(process.argv[3]), apiKey: process.argv[4], listen: false, noDns: true,
  });
  node.on('error', (error) => error.message === 'Pool is not connected.' || console.error(error.message));
  await node.open();
  console.log('ready');
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
