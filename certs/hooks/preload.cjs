// Sends Node clients that make their own http(s) agents through the proxy of the environment.
//
// NODE_USE_ENV_PROXY covers fetch and the global agents, not `new https.Agent()`, which the Stripe and AWS
// clients use. From Node 22.21 an agent takes `proxyEnv`; older ones ignore it, so this is harmless there.
// Loaded by NODE_OPTIONS=--require, before anything of the program. It must never break the program.
'use strict';

try {
  const { syncBuiltinESMExports } = require('node:module');

  const withProxy = (options) => ({ proxyEnv: process.env, ...options });

  // Given `proxyEnv`, an agent asks itself for its protocol while it is made. One of another's class may not
  // be able to say yet (agent-base, in the Gemini CLI); it has its own way of going through a proxy.
  const construct = (agent, [options, ...rest], made) => {
    try {
      return Reflect.construct(agent, [withProxy(options), ...rest], made);
    } catch {
      return Reflect.construct(agent, [options, ...rest], made);
    }
  };

  for (const library of [require('node:http'), require('node:https')]) {
    library.Agent = new Proxy(library.Agent, {
      construct,
      // Agents from before classes call `http.Agent.call(this, options)`.
      apply: (agent, self, [options, ...rest]) => Reflect.apply(agent, self, [withProxy(options), ...rest]),
    });
  }

  syncBuiltinESMExports();
} catch {
  // The program goes on as it would have: without the proxy, which isolation then refuses.
}
