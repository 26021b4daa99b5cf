// fetch of Node itself, on the proxy that the environment names.
const headers = { Authorization: `Bearer ${process.env.GITHUB_TOKEN}` };
const refused = await fetch("https://api.github.com/repos/acme/shop", { method: "DELETE", headers });
const { message } = await refused.json();
const at = Date.now() / 1000;
const { login } = await (await fetch("https://api.github.com/user", { headers })).json();
console.log(JSON.stringify({ error: `${refused.status}`, said: message, refused_at: at, answer: login }));
