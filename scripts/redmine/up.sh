#!/usr/bin/env bash
# A real Redmine on 127.0.0.1 for `npm run check:redmine`, from Debian's package, with SQLite. usage: up.sh DIRECTORY PORT (as root)
# Leaves DIRECTORY/seed.json (ids and credentials) and DIRECTORY/pid (end it with: kill "$(cat DIRECTORY/pid)"). Exit code 77: cannot be installed here.
set -euo pipefail
directory=$(realpath "${1:?usage: up.sh DIRECTORY PORT}")
port=${2:?usage: up.sh DIRECTORY PORT}
here=$(cd "$(dirname "$0")" && pwd)
app=$directory/redmine
log=$directory/up.log

export DEBIAN_FRONTEND=noninteractive
export RAILS_ENV=production REDMINE_LANG=en
# Without it every migration writes a file into the sources.
export SCHEMA=/dev/null

cannot() {
  echo "$1 (see $log)" >&2
  exit 77
}

# The package's own set-up needs a database server and answers to its questions, and can fail. So only what it depends on is
# installed, and its files are unpacked aside.
install_dependencies() {
  local names
  apt-cache show redmine >/dev/null 2>&1 || apt-get update -q || cannot 'the lists of packages cannot be fetched'
  names=$(apt-cache depends redmine | awk '$1 == "Depends:" && $2 !~ /^(<|redmine|dbconfig|debconf)/ { print $2 }')
  [ -n "$names" ] || cannot 'there is no package redmine'
  # Once more with new lists: old ones name packages that are gone.
  install_all "$names" || { apt-get update -q && install_all "$names"; } || cannot 'the dependencies of Redmine cannot be installed'
}

install_all() {
  # shellcheck disable=SC2086 # one word for each package
  apt-get install -y -q --no-install-recommends $1 puma ruby-sqlite3
}

unpack() {
  (cd "$directory" && apt-get download -q redmine) || cannot 'the package redmine cannot be fetched'
  dpkg-deb --extract "$directory"/redmine_*.deb "$directory/package"
  mv "$directory/package/usr/share/redmine" "$app"
  rm -rf "$directory/package" "$directory"/redmine_*.deb
}

# Debian's files lead to /etc/redmine and /var by links; here everything is below one directory.
configure() {
  local place
  for place in config/database.yml Gemfile.lock instances log tmp files plugins public/plugin_assets; do rm -rf "${app:?}/$place"; done
  mkdir -p "$app"/{log,tmp,files,plugins,public/plugin_assets,instances/default/{config,log,tmp,files}}
  printf '%s:\n  adapter: sqlite3\n  database: %s\n' "$RAILS_ENV" "$directory/redmine.sqlite3" >"$app/config/database.yml"
  cp "$app/config/database.yml" "$app/instances/default/config/"
  # It looks for the adapter to load at the place where the package would be.
  sed -i "s#/usr/share/redmine/[^'\"]*database.yml#$app/config/database.yml#" "$app/Gemfile"
  echo "gem 'puma'" >"$app/Gemfile.local"
}

fill() {
  cd "$app"
  bundle exec rake db:migrate
  # Not together: a process that has migrated knows the columns of before.
  bundle exec rake redmine:load_default_data
  bundle exec rails runner "$here/seed.rb" | tail -n 1 >"$directory/seed.json"
}

start() {
  cd "$app"
  setsid bundle exec puma --bind "tcp://127.0.0.1:$port" --environment "$RAILS_ENV" config.ru >"$directory/puma.log" 2>&1 </dev/null &
  echo $! >"$directory/pid"
}

{
  install_dependencies
  unpack
  configure
  SECRET_KEY_BASE=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
  export SECRET_KEY_BASE
  fill
  start
} >>"$log"
