#!/bin/sh
# Makes the certificates that the TLS tests use: run it in its own folder, with
# openssl 3. All but one are valid from 2020 to 2120 and good for nothing else.
set -eu
cd "$(dirname "$0")"

sign() { # file, first day, last day, what signs: options of "openssl ca"
  file=$1 first=$2 last=$3
  shift 3
  # Of openssl's ways to sign only "ca" can date a certificate back.
  : >index.txt
  openssl rand -hex 16 >serial
  printf '%s\n' '[ca]' default_ca=own '[own]' database=index.txt \
    serial=serial new_certs_dir=. default_md=sha256 policy=any \
    '[any]' organizationName=optional commonName=supplied >ca.cnf
  openssl ca -batch -config ca.cnf -in "$file.csr" -out "$file.pem" -notext \
    -extfile "$file.ext" -startdate "$first" -enddate "$last" "$@"
  rm -f index.txt* serial* ca.cnf [0-9A-F]*.pem "$file.csr" "$file.ext"
}

request() { # file, subject
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout "$1.key" -out "$1.csr" -subj "$2"
}

authority() { # file, name
  request "$1" "/CN=$2"
  printf '%s\n' basicConstraints=critical,CA:TRUE \
    keyUsage=critical,keyCertSign,cRLSign >"$1.ext"
  sign "$1" 20200101000000Z 21200101000000Z -selfsign -keyfile "$1.key"
}

leaf() { # file, name, authority, usage, subjectAltName, last day
  request "$1" "/O=asyncio tests/CN=$2"
  printf '%s\n' basicConstraints=critical,CA:FALSE \
    keyUsage=critical,digitalSignature "extendedKeyUsage=$4" \
    "subjectAltName=$5" >"$1.ext"
  sign "$1" 20200101000000Z "${6:-21200101000000Z}" \
    -cert "$3.pem" -keyfile "$3.key"
}

authority ca "asyncio test authority"
authority other_ca "another test authority"
leaf server localhost ca serverAuth DNS:localhost,IP:127.0.0.1,IP:::1
leaf example www.example.test ca serverAuth DNS:www.example.test,DNS:*.wild.test
leaf client "a client" ca clientAuth DNS:client.test
leaf stranger localhost other_ca serverAuth,clientAuth DNS:localhost
leaf expired localhost ca serverAuth DNS:localhost 20210101000000Z
openssl pkcs8 -topk8 -in server.key -passout pass:secret -out server_locked.key
rm -f ca.key other_ca.key
