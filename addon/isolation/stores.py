"""Where keys lie: what no sandbox shows, even where the folder around it is shown.

A list of the places that tools write logins to. It cannot be complete, which is why a sandbox shows
nothing of the user's folder but what is asked for; this is for what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_OF_USER = (
    ".ssh", ".gnupg", ".password-store", ".netrc", ".authinfo", ".authinfo.gpg", ".vault-token",
    ".git-credentials", ".config/git/credentials", ".config/gh", ".config/hub", ".config/glab-cli",
    ".aws", ".azure", ".config/gcloud", ".boto", ".s3cfg", ".oci", ".ibmcloud", ".config/doctl",
    ".config/hcloud", ".config/rclone", ".fly", ".config/heroku", ".config/stripe", ".config/vercel",
    ".databrickscfg", ".snowflake", ".snowsql", ".kube", ".docker", ".config/containers/auth.json",
    ".terraform.d", ".terraformrc", ".config/helm", ".config/sops", ".config/age", ".config/op",
    ".config/1Password", ".1password", ".config/Bitwarden CLI", ".local/share/keyrings",
    ".local/share/kwalletd", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pypirc", ".config/pip", ".pip",
    ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".bundle/config",
    ".composer/auth.json", ".config/composer/auth.json", ".m2/settings.xml", ".m2/settings-security.xml",
    ".gradle/gradle.properties", ".nuget/NuGet", ".config/NuGet", ".pgpass", ".my.cnf", ".mylogin.cnf",
    ".config/google-chrome", ".config/chromium", ".config/BraveSoftware", ".mozilla", ".thunderbird",
    ".bash_history", ".zsh_history", ".python_history", ".node_repl_history", ".psql_history",
    ".local/share/fish/fish_history", ".tmux", ".config/systemd",
)  # fmt: skip
"""In the user's folder."""

_OF_MACHINE = (
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/ssl/private", "/etc/krb5.keytab",
    "/etc/docker", "/etc/kubernetes", "/etc/rancher", "/etc/wireguard", "/etc/wpa_supplicant",
    "/etc/NetworkManager/system-connections", "/etc/sudoers", "/etc/sudoers.d", "/etc/wharfinger",
    "/etc/pki/tls/private", "/etc/letsencrypt", "/etc/rndc.key", "/etc/openvpn", "/etc/ipsec.secrets",
)  # fmt: skip
"""For those who are root, or of a group that may read them."""


def key_stores(home: Path) -> Iterator[Path]:
    """Everything that is to be hidden wherever it could be seen; much of it will not be there."""
    yield from (home / name for name in _OF_USER)
    yield from map(Path, _OF_MACHINE)
    yield from Path("/etc/ssh").glob("ssh_host_*_key")


TOOLCHAINS = (
    ".local/bin", ".local/lib", ".local/pipx", ".local/share/claude", ".local/share/fnm",
    ".local/share/mise", ".local/share/pipx", ".local/share/pnpm", ".local/share/uv", ".asdf", ".bun",
    ".cargo", ".deno", ".npm-global", ".nvm", ".pyenv", ".rbenv", ".rustup", ".sdkman", ".volta", "go",
    ".gitconfig", ".config/git",
)  # fmt: skip
"""Of the user's folder, what programs are installed in, and Git's settings: shown, not to be written."""
