import * as assert from 'uvu/assert';
import * as handshake from '../../src/handshake/index.js';
import { suite } from '../support/suite.js';

const door = suite('the door of the handshake room');

door('lets out these names and no other', () => {
  assert.equal(Object.keys(handshake).sort(), [
    'Fields',
    'HeadParser',
    'acceptFor',
    'acceptResponse',
    'checkOrigins',
    'checkProtocols',
    'createKey',
    'createRequest',
    'defaultHeadLimits',
    'examineRequest',
    'examineResponse',
    'handshakeFaults',
    'isKey',
    'negotiateProtocol',
    'parseAuthority',
    'parseExtensions',
    'plainResponse',
    'refusalResponse',
    'responseBodyLength',
  ]);
});

door.run();
