# How the scripts beside this one get a Debian package without installing it. Sourced; wants `cannot` and the path `home` to be there.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
work=''

# Makes a directory of its own beside $home, enters it, and asks the machine's mirror for a release of Debian: `download` fetches from there.
ask_debian() {
  local release=$1 mirror
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || cannot 'it comes from Debian, and there is no apt'
  [ -r "$keyring" ] || cannot "$keyring is missing"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/\?$' | sort -u | head -1) || true
  [ -n "$mirror" ] || cannot 'apt knows no mirror of Debian'
  mkdir -p "$(dirname "$home")"
  work=$(mktemp -d "$home.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  mkdir -p lists/partial cache/archives/partial
  echo "deb [signed-by=$keyring] $mirror $release main" >sources.list
  apt_options=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Get::List-Cleanup=0 -o "APT::Sandbox::User=$(id -un)" -o Acquire::Languages=none)
  apt-get "${apt_options[@]}" update >&2 || cannot "the mirror has no $release any more"
}

download() {
  apt-get "${apt_options[@]}" download "$@" >&2 || cannot "the mirror has no more one of $*"
}
