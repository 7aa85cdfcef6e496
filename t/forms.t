# Forms with files: which are taken, which are refused and why, and that nothing is left of these.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Faults qw(background nginx_workers s3_connections temp_files);
use Render::Test::Form;
use Render::Test::Problem;

# A port for HTTP/2 without TLS.
my $port2 = free_port();

# No worker: what is uploaded stays to be probed.
my $s = Render::Test->start(worker => 0, nginx_workers => 2, http_conf => <<"CONF");
render_bcrypt_cost 5;
server {
    listen 127.0.0.1:$port2 http2;
    location / { render_api all; }
}
CONF
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};
my $path    = '/videos/upload';

srand 11;
my $bytes = join '', map { chr int rand 256 } 1 .. 40_000;

sub send_parts { return send_form($s, $token, $path, @_) }

sub send_body {
    my ($body, $type) = @_;
    return $s->req(POST => $path, token => $token, body => $body,
        headers => { 'Content-Type' => $type || 'multipart/form-data; boundary="' . boundary . '"' });
}

# holds($asset, $bytes, $what): it says, and storage holds, what was sent
sub holds {
    my ($asset, $body, $what) = @_;
    my $stored = $s->object("inputs/$account/" . ($asset->{id} || 'none'));
    my @bad;
    push @bad, 'bytes: ' . ($asset->{bytes} || 'none') if ($asset->{bytes} || 0) != length $body;
    push @bad, 'sha256: ' . ($asset->{sha256} || 'none') if ($asset->{sha256} || '') ne sha256_hex($body);
    push @bad, 'storage holds something else' if ($stored // '') ne $body;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok(!@bad, $what) || diag(join "\n", @bad) && 0;
}

# What is there: the number of assets that are, and of files that are still being written.
sub assets { return $s->psql("SELECT count(*) FROM render.asset WHERE status <> 'uploading'") }

sub nothing_left {
    my ($before, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok eval { wait_until(sub { !temp_files($s) }, 10) }, "$what: no temporary file is left";
    is assets(), $before, "$what: and no asset";
    ok eval { wait_until(sub { !orphans() }, 10) }, "$what: what was stored of it is the janitor's" or diag join "\n", orphans();
}


# ---------------------------------------------------------------- files and fields

my $r = send_parts(file('one.bin', $bytes));
is $r->{status}, 201, 'a form of one file';
holds($r->{json}, $bytes, 'is that file');
is $r->{json}{filename}, 'one.bin', 'with its name';
is $r->{json}{title}, 'one.bin', 'which is its title';
is $r->{json}{visibility}, 'private', 'and nobody else may see it';
ok $r->{json}{job_id}, 'it is probed';
is $r->{json}{items}, undef, 'one is no list';

for my $order (
    ['fields first',  field(title => 'T'), field(description => 'D'), field(visibility => 'link'), file('a', 'aa'), file('b', 'bbb')],
    ['fields last',   file('a', 'aa'), file('b', 'bbb'), field(title => 'T'), field(description => 'D'), field(visibility => 'link')],
    ['fields between', file('a', 'aa'), field(title => 'T'), field(visibility => 'link'), field(description => 'D'), file('b', 'bbb')])
{
    my ($what, @parts) = @$order;
    $r = send_parts(@parts);
    is $r->{status}, 201, "$what: taken";
    my @items = @{ $r->{json}{items} || [] };
    is_deeply [map { "$_->{filename} $_->{title} $_->{description} $_->{visibility}" } @items], ['a T D link', 'b T D link'],
        "$what: all the files have them, in the order of the form";
    holds($items[0] || {}, 'aa',  "$what: the first");
    holds($items[1] || {}, 'bbb', "$what: the second");
    like $items[0]{share_url}, qr{\A/videos/$items[0]{id}/stream\?share=\w{16,}\z}, "$what: a link to share";
    isnt(($items[0]{share_url} =~ /share=(.*)/)[0], ($items[1]{share_url} =~ /share=(.*)/)[0], "$what: each its own");
}
$r = send_parts(map { file("$_.txt", "text $_\n" x $_, name => "f$_") } 1 .. 32);
is $r->{status}, 201, 'thirty-two files';
is_deeply [map { "$_->{filename} $_->{bytes}" } @{ $r->{json}{items} }], [map { "$_.txt " . $_ * (6 + length $_) } 1 .. 32], 'are there, in order';
is $r->{json}{items}[0]{status}, 'ready', 'a text is not probed';
is $r->{json}{items}[0]{job_id}, undef, 'so it has no job';
is send_parts(map({ field("f$_", 'x' x 8192) } 1 .. 64), file('a', 'a'))->{status}, 201, 'sixty-four fields of 8192 bytes';
$r = send_parts(field(title => "\xc3\xa9\xe2\x82\xac"), file("\xc3\xa9\xe2\x82\xac.bin", 'x', type => 'text/html'));
is $r->{json}{title}, "\x{e9}\x{20ac}", 'a title of other letters';
is $r->{json}{filename}, "\x{e9}\x{20ac}.bin", 'and a name';
unlike $r->{json}{content_type}, qr/html/, 'the type that the form claims is not believed';
is send_parts(file('..\\..\\etc/passwd', 'x'))->{status}, 201, 'a name with a path';
$r = send_parts(file('', ''), field(title => 'T'), file('real', 'x'));
is $r->{json}{filename}, 'real', 'a file that was not chosen is none';
is send_body("words before it\r\n" . form(file('a', 'x')) . "words behind it")->{status}, 201, 'words around a form';
is send_body(form(file('a', 'x')) =~ s/\r\n\z//r)->{status}, 201, 'no line behind the last delimiter';
is send_parts(field(visibility => ''), file('a', 'x'))->{status}, 422, 'a visibility that is empty is none';
is_problem send_parts(file('a', 'x'), field(visibility => 'secret')), 422, 'one that is none', pointer => '/visibility', detail => qr/private/;


# ---------------------------------------------------------------- what is refused

my $before = assets();
my $b      = boundary;
my %bad = (
    'no file'                       => [400, qr/no file/, form(field(title => 'T'))],
    'a file that was not chosen'    => [400, qr/no file/, form(file('', ''))],
    'no part'                       => [400, qr/no file/, "--$b--\r\n"],
    'an empty file'                 => [400, qr/empty/, form(file('a', ''))],
    'an empty file behind another'  => [400, qr/empty/, form(file('a', 'x'), file('b', ''))],
    'thirty-three files'            => [413, qr/32 files/, form(map { file($_, 'x') } 1 .. 33)],
    'sixty-five fields'             => [413, qr/64 fields/, form(map({ field("f$_", 'x') } 1 .. 65), file('a', 'x'))],
    'a field of 8193 bytes'         => [413, qr/8192/, form(field(title => 'x' x 8193), file('a', 'x'))],
    'a field of a megabyte'         => [413, qr/8192/, form(field(title => 'x' x 1_048_576), file('a', 'x'))],
    'a form cut in a file'          => [400, qr/closing delimiter/, substr(form(file('a', 'x' x 1000)), 0, 600)],
    'a form cut in a header'        => [400, qr/headers of a part/, substr(form(file('a', 'x' x 1000)), 0, 80)],
    'no closing delimiter'          => [400, qr/closing delimiter/, form(file('a', 'x')) =~ s/\r\n--\Q$b\E--\r\n\z//r],
    'a last delimiter that is none' => [400, qr/\w/, form(file('a', 'x')) =~ s/--\r\n\z/\r\n/r],
    'another boundary'              => [400, qr/boundary/, form(file('a', 'x')) =~ s/\Q$b\E/another/gr],
    'lines that end by LF'          => [400, qr/LF/, form(file('a', 'x')) =~ s/\r\n/\n/gr],
    'headers that end by LF'        => [400, qr/LF/, form(file('a', 'x')) =~ s/"\r\nContent/"\nContent/r],
    'no Content-Disposition'        => [400, qr/Content-Disposition/, form("X: y\r\n\r\nx", file('a', 'x'))],
    'another Content-Disposition'   => [400, qr/form-data/, form(file('a', 'x') =~ s/form-data/attachment/r)],
    'a part without a name'         => [400, qr/name/, form(file('a', 'x') =~ s/name="file"; //r)],
    'two names'                     => [400, qr/two names/, form(file('a', 'x') =~ s/name="file"/name="a"; name="b"/r)],
    'a name that does not end'      => [400, qr/quoted/, form(file('a', 'x') =~ s/filename="a"/filename="a/r)],
    'a name that is not UTF-8'      => [400, qr/UTF-8/, form(field("a\xff", 'x'), file('a', 'x'))],
    'a file name that is not'       => [400, qr/UTF-8/, form(file("a\xff", 'x'))],
    'a field that is not'           => [400, qr/UTF-8/, form(field(title => "a\xff"), file('a', 'x'))],
    'headers without an end'        => [400, qr/4096/, form('X: ' . 'y' x 5000)],
);
for my $what (sort keys %bad) {
    my ($status, $detail, $body) = @{ $bad{$what} };
    is_problem send_body($body), $status, $what, detail => $detail;
}
my %type = (
    'no boundary'       => 'multipart/form-data',
    'an empty boundary' => 'multipart/form-data; boundary=""',
    'a long boundary'   => 'multipart/form-data; boundary=' . 'x' x 71,
    'two boundaries'    => 'multipart/form-data; boundary=a; boundary=b',
    'odd characters'    => 'multipart/form-data; boundary="a{b"',
);
is_problem send_body(form(file('a', 'x')), $type{$_}), 400, $_, detail => qr/boundary/ for sort keys %type;
nothing_left($before, 'what was refused');

# NUL, which neither JSON nor the database can hold
for my $part (field("a\0b", 'x'), field(title => "a\0b")) {
    $r = send_parts($part, file('a', 'x'));
    ok $r->{status} == 400 || $r->{status} == 422, 'NUL in a field is refused' or diag "$r->{status} $r->{body}";
}


# ---------------------------------------------------------------- however it is cut

my $taken = sub {
    my ($r, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $r->{status}, 201, $what or diag $r->{body};
    is_deeply [map { $_->{sha256} } @{ $r->{json}{items} || [] }], [map { sha256_hex($_) } "one\r\n--almost", substr $bytes, 0, 300], "$what: both files";
};
my $body = form(field(title => 'cut'), file('a.txt', "one\r\n--almost", name => 'a'), field(x => 'y'), file('b.bin', substr($bytes, 0, 300)));
for my $step (1, 2, 7, 100, length $body) {
    my ($answer) = answers($s->raw(form_request($token, $path, $body), chunk => $step, until => whole, timeout => 20));
    $taken->($answer, "$step bytes a write");
}
for my $n (1, 13, 5000) {
    my ($answer) = answers($s->raw(form_request($token, $path, $body, chunks => $n), until => whole, timeout => 20));
    $taken->($answer, "chunks of $n bytes");
}
my $pipelined = form_request($token, $path, $body) . "GET /users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nConnection: close\r\n\r\n";
for my $step (length $pipelined, 50) {
    my @two = answers($s->raw($pipelined, chunk => $step, timeout => 20));
    is_deeply [map { $_->{status} } @two], [201, 200], "a request behind it ($step bytes a write)";
    $taken->($two[0], "and it is whole ($step bytes a write)");
    is $two[1]{json}{id}, $account, 'the second is answered';
}
my @two = answers($s->raw(form_request($token, $path, form(field(a => 'b'))) . form_request($token, $path, $body, headers => "Connection: close\r\n"),
    timeout => 20));
is $two[0]{status}, 400, 'a form that is refused with another behind it';
$taken->($two[1], 'which is taken') if @two > 1;

my $c = dial();
print {$c} form_request($token, $path, '', length => length $body, headers => "Expect: 100-continue\r\n");
is hear($c, qr/\r\n\r\n/), "HTTP/1.1 100 Continue\r\n\r\n", 'who expects to be told to go on is told';
print {$c} $body;
$taken->((answers(hear($c, whole)))[0], 'and sends it then');
close $c;

# HTTP/2, which has neither chunks nor a packet for the head
my $file2 = $s->home . '/body';
open my $out, '>:raw', $file2 or die "$file2: $!";
print {$out} $bytes x 20;
close $out or die "$file2: $!";
my $said = `curl -s --max-time 20 --http2-prior-knowledge -H 'Authorization: Bearer $token' -F title=two -F 'file=\@$file2;filename=two.bin' -F 'file=\@$file2;filename=three.bin' -w '\\n%{http_version} %{http_code}' http://127.0.0.1:$port2$path`;
like $said, qr/\n2 201\z/, 'over HTTP/2';
my ($json) = $said =~ /\A(.*)\n/s;
$json = eval { JSON::PP::decode_json($json) } || {};
is_deeply [map { "$_->{filename} $_->{title} $_->{sha256}" } @{ $json->{items} || [] }], [map { "$_ two " . sha256_hex($bytes x 20) } 'two.bin', 'three.bin'], 'both files are whole';


# ---------------------------------------------------------------- who leaves, and who waits

wait_until(sub { !temp_files($s) }, 10, 'temporary files to go');
$before = assets();
my %open = map { $_ => sockets($_) } nginx_workers($s);
my $long = form(file('first', $bytes), file('second', $bytes x 20));
for my $part (0, 100, 30_000, 41_000, length($long) - 50, length($long) - 3) {
    for my $how (0, 1) {
        my $c = dial();
        local $SIG{PIPE} = 'IGNORE';
        print {$c} form_request($token, $path, substr($long, 0, $part), length => length $long);
        shutdown $c, 1 if $how;
        unlike $how ? hear($c, qr/\r\n\r\n/, 2) : '', qr{\AHTTP/1\.1 2}, "leaving after $part bytes";
        close $c;
    }
}
nothing_left($before, 'who left');
ok eval { wait_until(sub { !grep { sockets($_) > $open{$_} + 1 } keys %open }, 10) }, 'and no connection (but one more to PostgreSQL)' or diag explain \%open;

# SQL is slow between two files: the second needs its asset
$c = dial();
my ($one) = $long =~ /\A(.{20000})/s;
print {$c} form_request($token, $path, $one, length => length $long);
wait_until(sub { $s->psql("SELECT count(*) FROM render.asset WHERE status = 'uploading' AND bytes = " . length $long) }, 10, 'the first asset');
my $held = background(sub {
    $s->psql("BEGIN; SELECT id FROM render.account WHERE id = '$account' FOR UPDATE; SELECT pg_sleep(0.7); COMMIT");
});
wait_until(sub { $s->psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.7)%' AND wait_event = 'PgSleep'") }, 10, 'the lock');
my $start = time;
print {$c} substr $long, length $one;
($r) = answers(hear($c, whole));
is $r->{status}, 201, 'a form that waits for its second asset' or diag $r->{body};
cmp_ok time - $start, '>', 0.3, 'which took its time';
is_deeply [map { $_->{sha256} } @{ $r->{json}{items} }], [map { sha256_hex($_) } $bytes, $bytes x 20], 'is whole';
$held->();
close $c;

# who leaves while SQL is asked
$before = assets();
$held = background(sub {
    $s->psql("BEGIN; SELECT id FROM render.account WHERE id = '$account' FOR UPDATE; SELECT pg_sleep(0.6); COMMIT");
});
wait_until(sub { $s->psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.6)%' AND wait_event = 'PgSleep'") }, 10, 'the lock');
$c = dial();
print {$c} form_request($token, $path, $one, length => length $long);
close $c;
$held->();
nothing_left($before, 'who left while SQL was asked');


# ---------------------------------------------------------------- the delimiter in the seam of two buffers

# The buffer of a file takes 1 MiB: the delimiter begins before, in, and behind its end.
my $mega = join '', map { pack('N', $_) . substr $bytes, $_ * 7 % 38_000, 1020 } 1 .. 1024 * 5;
my $seam = 5 * 1_048_576;
for my $short (75, 40, 30, 4, 3, 2, 1, 0, -1) {
    my $n    = $seam - $short;
    my $data = substr "$mega$bytes", 0, $n;
    my $r    = send_parts(file('seam', $data), file('next', 'x'));
    is $r->{json}{items}[0]{sha256}, sha256_hex($data), "5 MB less $short bytes";
    is $r->{json}{items}[1]{sha256}, sha256_hex('x'), "5 MB less $short bytes: and the next file";
}


# ---------------------------------------------------------------- quota

$s->psql("DELETE FROM render.asset WHERE status = 'uploading'");    # what those who left have reserved
my $used = $s->req(GET => '/users/me', token => $token)->{json}{used_bytes};
$before = assets();
$s->psql("UPDATE render.account SET quota_bytes = $used + 50000 WHERE id = '$account'");
is_problem send_parts(file('a', $bytes), file('b', $bytes)), 413, 'a form over the quota', detail => qr/may store/;
my $chunked = form(file('a', $bytes), file('b', $bytes));
($r) = answers($s->raw(form_request($token, $path, $chunked, chunks => 5000), until => whole, timeout => 20));
is $r->{status}, 413, 'a form of unknown length over it';
nothing_left($before, 'over the quota');
is send_parts(file('a', substr $bytes, 0, 20_000), file('b', substr $bytes, 0, 20_000))->{status}, 201, 'what fits, fits';
$s->psql("UPDATE render.account SET quota_bytes = 20000000000 WHERE id = '$account'");


# ---------------------------------------------------------------- the same form twice

my $key   = sub { { 'Idempotency-Key' => $_[0] } };
my @first = (field(title => 'once'), file('a.bin', $bytes), file('b.bin', 'b'));
my $first = send_parts($key->('one'), @first);
is $first->{status}, 201, 'a form with a key';
$before = assets();
my $again = send_parts($key->('one'), @first);
is $again->{body}, $first->{body}, 'again: the same answer, to the letter';
is assets(), $before, 'and no other asset';
my $other = 'x' . boundary;
$again = send_body(form(@first) =~ s/\Q$b\E/$other/gr, "multipart/form-data; boundary=\"$other\"");
isnt $again->{json}{items}[0]{id}, $first->{json}{items}[0]{id}, 'without the key it is another';
$before = assets();
$again = $s->req(POST => $path, token => $token, body => form(@first) =~ s/\Q$b\E/$other/gr,
    headers => { 'Content-Type' => "multipart/form-data; boundary=\"$other\"", 'Idempotency-Key' => 'one' });
is $again->{body}, $first->{body}, 'another boundary makes no other form';
my %else = (
    'another file'       => [field(title => 'once'), file('a.bin', "x$bytes"), file('b.bin', 'b')],
    'another name'       => [field(title => 'once'), file('c.bin', $bytes), file('b.bin', 'b')],
    'another field'      => [field(title => 'twice'), file('a.bin', $bytes), file('b.bin', 'b')],
    'another order'      => [field(title => 'once'), file('b.bin', 'b'), file('a.bin', $bytes)],
    'a file less'        => [field(title => 'once'), file('a.bin', $bytes)],
);
is_problem send_parts($key->('one'), @{ $else{$_} }), 422, "$_ under the same key", detail => qr/another request/ for sort keys %else;
is_problem $s->req(POST => "$path?filename=x", token => $token, body => $bytes, headers => $key->('one')), 422, 'no form under it';
is assets(), $before, 'of which nothing is there';
$r = $s->req(POST => "$path?filename=x", token => $token, body => 'raw', headers => $key->('raw'));
is $s->req(POST => "$path?filename=x", token => $token, body => 'raw', headers => $key->('raw'))->{body}, $r->{body}, 'a raw body with a key';
is_problem $s->req(POST => "$path?filename=y", token => $token, body => 'raw', headers => $key->('raw')), 422, 'with another name';
nothing_left($before + 1, 'at the end');
my @errors = grep { /\[(?:error|crit|alert|emerg)\]/ } split /\n/, $s->log('nginx-error');
is scalar @errors, 0, 'nothing is wrong in the log' or diag join "\n", @errors;

$s->stop;
done_testing;


# What lies in storage and is neither an asset nor for the janitor to take.
sub orphans {
    my %known = map { $_ => 1 } split /\n/,
        $s->psql("SELECT storage_key FROM render.asset WHERE status <> 'uploading' UNION ALL SELECT storage_key FROM render.garbage");
    return grep { !$known{$_} } $s->objects('inputs');
}

sub dial {
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port, Proto => 'tcp') or die "connect: $@";
    $c->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    $c->autoflush(1);
    return $c;
}

sub hear {
    my ($c, $enough, $timeout) = @_;
    my $text  = '';
    my $until = time + ($timeout || 10);
    while ($text !~ $enough && time < $until) {
        IO::Select->new($c)->can_read($until - time) or last;
        sysread $c, $text, 65_536, length $text or last;
    }
    return $text;
}

# Connections that a process of nginx holds, for long.
sub sockets { return grep({ (readlink $_ || '') =~ /\Asocket:/ } glob "/proc/$_[0]/fd/*") - s3_connections($s, $_[0]) }
