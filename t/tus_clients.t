# Clients of tus as they come from npm (tus-js-client, and Uppy's core and Tus plugin, which run without a DOM)
# upload to /files/: while the network is cut, nginx killed and restarted, with each extension that
# they know, over two processes of theirs, and to what is there no more. t/tus/upload.mjs has them.
#
#   RENDER_SEED=n             the positions of cuts and kills of that run again
#   RENDER_TUS_MIB=2048       the size of the file that is sent meanwhile, 48

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use Digest::SHA;
use Fcntl qw(LOCK_EX);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IPC::Open2 qw(open2);
use JSON::PP;
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_LINGER);
use Test::More;

use Render::Test;
use Render::Test::Faults;
use Render::Test::Files;
use Render::Test::Node;

for my $program (qw(node npm)) {
    plan skip_all => "there is no $program" unless grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

my $top   = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{RENDER_BUILD} // "$top/build";
my $slow  = $ENV{RENDER_SLOW} || 1;
my $seed  = $ENV{RENDER_SEED} // int rand 2**31;
my $dir   = tempdir(CLEANUP => 1);
my $JSON  = JSON::PP->new->utf8->canonical;
my $MIB   = 1_048_576;
my $LARGE = ($ENV{RENDER_TUS_MIB} || 48) * $MIB;

srand $seed;
diag("RENDER_SEED=$seed");

# the driver and what it needs, by the lock file, outside the source tree

my $folder = driver_folder("$top/t/tus", $build, qw(upload.mjs));

# No worker: what is uploaded stays to be probed.
my $s = Render::Test->start(worker => 0, nginx_workers => 2,
    http_conf => 'render_bcrypt_cost 5; render_upload_max_size ' . ($LARGE / $MIB + 64) . 'm;');
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};
my $spool   = $s->spool . '/uploads';
my $home    = $s->url;
$s->allow_alerts(qr/worker process \d+ exited on signal 9/);


# ---------------------------------------------------------------- files

# A file of random bytes, which begins as an MP4: what is taken for something else is not probed.
sub random_file {
    my ($name, $bytes) = @_;
    open my $in,  '<:raw', '/dev/urandom' or die $!;
    open my $out, '>:raw', "$dir/$name"   or die $!;
    print {$out} pack 'N a8 N a8', 24, 'ftypmp42', 0, 'mp42isom' or die $!;
    for (my $left = $bytes - 24; $left > 0;) {
        my $n = sysread $in, my $piece, $left < $MIB ? $left : $MIB;
        die "urandom: $!" unless $n;
        print {$out} $piece or die $!;
        $left -= $n;
    }
    close $out or die $!;
    return "$dir/$name";
}

sub sha256 { Digest::SHA->new(256)->addfile($_[0], 'b')->hexdigest }

# Of a file it is taken without holding it.
sub stored_sha256 {
    my ($key) = @_;
    return unless $s->has_object($key);
    return $s->s3 ? Digest::SHA::sha256_hex($s->object($key)) : sha256($s->stored_at($key));
}

sub id { ($_[0] // '') =~ m{/files/([0-9a-f-]{36})\z} ? $1 : die 'no id in ' . ($_[0] // 'undef') }

sub head { $s->req(HEAD => '/files/' . id($_[0]), token => $token, headers => { 'Tus-Resumable' => '1.0.0' }) }

# The upload of this URL is an asset that holds this file, and of its own there is no more than the note of it.
sub is_asset {
    my ($url, $file, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $id = eval { id($url) } or return fail($what);
    my $a = $s->req(GET => "/videos/$id", token => $token)->{json};
    my $sha = sha256($file);
    my $stored = stored_sha256("inputs/$account/$id");
    my @bad;
    push @bad, 'bytes: ' . ($a->{bytes} // 'none') if ($a->{bytes} // -1) != -s $file;
    push @bad, 'sha256: ' . ($a->{sha256} // 'none') . ", not $sha" if ($a->{sha256} // '') ne $sha;
    push @bad, "status: $a->{status}" if $a->{status} ne 'probing';
    push @bad, 'storage holds something else' if ($stored // '') ne $sha;
    # what killed processes left goes with what the last one does behind its answer
    my @left;
    my $known = sub { @left = map { s{.*/}{}r } glob "$spool/$id*"; "@left" eq "$id.info" && slurp("$spool/$id.info") =~ /"state":"done"/ };
    eval { wait_until($known, 10) } or push @bad, "left in uploads: @left";
    ok(!@bad, $what) or diag(join "\n", @bad);
    return $a;
}

# It lies there as if its time was over; whoever still writes to it is waited for.
sub expire {
    my ($id) = @_;
    open my $file, '+<', "$spool/$id" or die "$id: $!";
    flock $file, LOCK_EX or die "flock: $!";
    my $text = slurp("$spool/$id.info");
    $text =~ s/"expires":\d+/'"expires":' . (time - 10)/e or die 'no expires';
    spew("$spool/$id.info", $text);
}

sub rows { $s->psql("SELECT count(*) FROM render.asset WHERE owner = '$account'" . ($_[0] ? " AND id = '$_[0]'" : '')) }


# ---------------------------------------------------------------- the client

my %running;

END { local $?; kill 'KILL', keys %running }

# What is the same for all, and what is not.
sub options {
    my ($port, %more) = @_;
    my $endpoint = $port ? "http://127.0.0.1:$port/files/" : "$home/files/";
    my $given = delete $more{metadata};
    return { endpoint => $endpoint, headers => { Authorization => "Bearer $token" }, chunkSize => $MIB,
        retryDelays => [0, 10, 30, 100, 300, 500, 1000, 1000, 1000, 2000, 2000, 2000, 5000],
        metadata => { filename => 'a film.mp4', filetype => 'video/mp4', %{ $given || {} } }, %more };
}

sub begin {
    my (%args) = @_;
    my $pid = open2(my $out, my $in, 'node', "$folder/upload.mjs", $JSON->encode({ client => 'tus', %args }));
    $running{$pid} = 1;
    $in->autoflush(1);
    return { pid => $pid, out => $out, in => $in };
}

# The next that it tells; undef at its end.
sub told {
    my ($c) = @_;
    my $line = '';
    while ($line !~ /\n\z/) {
        IO::Select->new($c->{out})->can_read($slow * (40 + $LARGE / $MIB / 4)) or die "the client is silent\n";
        sysread $c->{out}, $line, 1, length $line or last;
    }
    return length $line ? $JSON->decode($line) : undef;
}

sub go_on { print { $_[0]{in} } "go\n" or die "stdin: $!" }

# The last that it tells, or what it told before it died; and whether anything followed.
sub ended {
    my ($c) = @_;
    my ($last, %all);
    while (my $next = told($c)) {
        $all{after}++ if $last && $last->{end};
        $last = $next;
        %all = (%all, %$next);
    }
    waitpid $c->{pid}, 0;
    $all{exit} = $?;
    delete $running{ $c->{pid} };
    return \%all;
}

sub upload { ended(begin(@_)) }

# Its requests and what was answered, in a line.
sub story {
    return join ', ', map { ($_->{as} // $_->{method}) . ' ' . ($_->{status} // 'cut') } @{ $_[0]{requests} || [] };
}

# An upload that comes to its end.
sub succeeds {
    my ($r, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $ok = ($r->{end} // 'none') eq 'success' && !$r->{after} && $r->{exit} == 0;
    return ok($ok, $what) || diag($r->{error} // 'it just ended', ' ', story($r));
}


# ---------------------------------------------------------------- the way there

# A proxy in a process of its own: [position, event], when so many bytes went through it to nginx.
#   cut       this connection ends, by a reset or an orderly end
#   lose      the next answer of nginx does not come through, its connection is cut
#   kill      the worker processes of nginx
#   restart   nginx as a whole, while this goes on
sub proxy {
    my @events = sort { $a->[0] <=> $b->[0] } @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64) or die "listen: $@";
    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "socketpair: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        close $ours;
        $SIG{PIPE} = 'IGNORE';
        my $p = { listen => $listen, control => $theirs, events => \@events, passed => 0, cuts => 0, lost => 0, kills => 0, killed => 0,
            restarts => 0, lose => 0, ends => {}, peer => {}, client => {} };
        eval { serve($p); 1 } or $p->{died} = $@;
        syswrite $theirs, $JSON->encode({ map { $_ => $p->{$_} } grep { !ref $p->{$_} } keys %$p }) . "\n";
        POSIX::_exit(0);        # none of the parent's END blocks and destructors
    }
    close $theirs;
    $running{$pid} = 1;
    return { pid => $pid, port => $listen->sockport, control => $ours };
}

# All its connections end, by a reset.
sub cut_all { syswrite $_[0]{control}, "cut\n" }

# Ends it; what it did.
sub report {
    my ($p) = @_;
    shutdown $p->{control}, 1;
    my $line = readline $p->{control};
    waitpid $p->{pid}, 0;
    delete $running{ $p->{pid} };
    my $r = $JSON->decode($line // '{"died": "without a word"}');
    diag("proxy: $r->{died}") if $r->{died};
    return $r;
}

sub drop {
    my ($p, $end) = @_;
    for my $gone (grep { defined } $end, delete $p->{peer}{$end}) {
        delete $p->{ends}{$gone};
        delete $p->{peer}{$gone};
        delete $p->{client}{$gone};
        close $gone;
    }
}

sub cut {
    my ($p, $end, $reset) = @_;
    if ($reset) { setsockopt $_, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 for grep { defined } $end, $p->{peer}{$end} }
    drop($p, $end);
}

sub send_all {
    my ($to, $bytes) = @_;
    for (my $sent = 0; $sent < length $bytes;) {
        my $n = syswrite $to, $bytes, length($bytes) - $sent, $sent;
        return 0 unless defined $n;
        $sent += $n;
    }
    return 1;
}

# True: the connection lives.
sub happens {
    my ($p, $client, $what) = @_;
    if ($what eq 'cut') {
        cut($p, $client, $p->{cuts}++ % 2);
        return 0;
    }
    if ($what eq 'lose') { $p->{lose}++ }
    elsif ($what eq 'restart') {
        push @{ $p->{waits} }, background(sub {
            close $_ for values %{ $p->{ends} };        # or they would live as long as this
            $s->stack('restart', 'nginx');
            return 'done';
        });
    }
    elsif (my @workers = nginx_workers($s)) {
        $p->{kills}++;
        $p->{killed} += kill 'KILL', @workers;
    }
    else {                      # it is just being started: a little later
        push @{ $p->{events} }, [$p->{passed} + 65_536, 'kill'];
        @{ $p->{events} } = sort { $a->[0] <=> $b->[0] } @{ $p->{events} };
    }
    return 1;
}

sub pass_on {
    my ($p, $client, $bytes) = @_;
    while (1) {
        my $left  = @{ $p->{events} } ? $p->{events}[0][0] - $p->{passed} : length($bytes) + 1;
        my $piece = $left > 0 ? substr $bytes, 0, $left, '' : '';
        $p->{passed} += length $piece;
        send_all($p->{peer}{$client}, $piece) or return drop($p, $client);
        return if $left > length $piece;
        my $event = shift @{ $p->{events} };
        happens($p, $client, $event->[1]) or return;
    }
}

sub serve {
    my ($p) = @_;
    while (1) {
        for my $ready (IO::Select->new($p->{control}, $p->{listen}, values %{ $p->{ends} })->can_read) {
            if ($ready == $p->{control}) {
                if (sysread $ready, my $order, 4) {
                    $p->{ends}{$_} && cut($p, $p->{ends}{$_}, 1) for keys %{ $p->{client} };
                    last;
                }
                $p->{restarts} += $_->() eq 'done' for @{ $p->{waits} || [] };
                return;
            }
            if ($ready == $p->{listen}) {
                my $client = $p->{listen}->accept or next;
                my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port) or next;
                $p->{ends}{$_} = $_ for $client, $server;
                @{ $p->{peer} }{ $client, $server } = ($server, $client);
                $p->{client}{$client} = 1;
                next;
            }
            next unless $p->{ends}{$ready};         # it went with another
            my $n = sysread $ready, my $bytes, 65_536;
            if    (!$n)                     { drop($p, $ready) }
            elsif ($p->{client}{$ready})    { pass_on($p, $ready, $bytes) }
            elsif ($p->{lose})              { $p->{lose}--; $p->{lost}++; cut($p, $ready, $p->{lost} % 2) }
            elsif (!send_all($p->{peer}{$ready}, $bytes)) { drop($p, $ready) }
        }
    }
}


# ---------------------------------------------------------------- cut and killed

my $large = random_file('large', $LARGE);
{
    my $at = sub { 65_536 + int rand(($LARGE - 65_536) * $_[0]) };      # once it was created
    my $p = proxy((map { [$at->(1), 'cut'] } 1 .. 20), (map { [$at->(0.9), 'kill'] } 1 .. 5), [$at->(0.5), 'restart'],
        (map { [$at->(1), 'lose'] } 1 .. 3));
    my $r = upload(file => $large, options => options($p->{port}, chunkSize => 8 * $MIB,
        metadata => { filename => "Ada\x{2019}s film.mp4", title => "Die l\x{e4}ngste", description => '0, 1, 1, 2' }));
    my $did = report($p);
    succeeds($r, 'tus-js-client sends a large file over a bad network to an nginx that is killed again and again');
    my $a = is_asset($r->{url}, $large, 'and it is an asset, whole');
    is "$a->{filename}|$a->{title}|$a->{description}", "Ada\x{2019}s film.mp4|Die l\x{e4}ngste|0, 1, 1, 2", 'with what was said of it';
    is $did->{cuts}, 20, '20 connections were cut';
    is $did->{lost}, 3, '3 answers were lost';
    is $did->{kills}, 5, '5 times the worker processes were killed';
    cmp_ok $did->{killed}, '>=', 5, 'of which there were some';
    is $did->{restarts}, 1, 'and once nginx was restarted';
    # of those that are killed while nginx is restarted nobody tells
    wait_until(sub { log_count($s, 'nginx-error', qr/exited on signal 9/) >= $did->{killed} - 2 }, 10, 'the log to say so');
    my @posts = grep { $_->{method} eq 'POST' } @{ $r->{requests} };
    is scalar @posts, 1, 'it was created once';
    my ($from, @back) = (0);
    for my $patch (grep { $_->{method} eq 'PATCH' } @{ $r->{requests} }) {
        push @back, "$from, then $patch->{offset}" if $patch->{offset} < $from;
        $from = $patch->{offset};
    }
    is "@back", '', 'and never had to go back behind where it was';
    cmp_ok $did->{passed}, '<', $LARGE + 30 * 8 * $MIB, 'nor was all of it sent again and again';
    diag(sprintf '%.1f MiB went through for %d MiB', $did->{passed} / $MIB, $LARGE / $MIB);
}
is rows(), 1, 'one asset is there';

my $file  = random_file('odd', 3 * $MIB + 4711);
my $even  = random_file('even', 3 * $MIB);

# Its last bytes came, and its client is not told: the way back, or nginx, broke.
{
    my $p = proxy();
    my $r = upload(file => $file, options => options($p->{port}, chunkSize => 4 * $MIB));
    my $whole = report($p)->{passed};
    succeeds($r, 'in one piece');
    is_asset($r->{url}, $file, 'it is whole');
    for my $event ('lose', 'kill') {
        $p = proxy([$whole, $event]);
        $r = upload(file => $file, options => options($p->{port}, chunkSize => 4 * $MIB));
        my $did = report($p);
        succeeds($r, "$event as the last byte came: the client comes to its end");
        is $did->{lost} + $did->{kills}, 1, 'it did happen';
        is_asset($r->{url}, $file, 'it is whole');
    }
    is story($r), 'POST 201, PATCH cut, HEAD 200' . ($r->{requests}[3] ? ', PATCH 204' : ''), 'which asked how far it was, and no more';
}


# All of it lies in storage, and PostgreSQL makes no asset of it for as long as we like.
for my $event ('cut', 'kill') {
    my $p = proxy();
    my $c = begin(file => $file, options => options($p->{port}, chunkSize => 4 * $MIB), hold => [{ method => 'PATCH', number => 1 },
        { method => 'HEAD', number => 1 }]);
    my $id = id(told($c)->{held});
    my $psql = open2(my $out, my $in, Render::Test::_psql_command(), qw(-X -q -A -t -d), $s->env->{DATABASE_URL});
    $running{$psql} = 1;
    $in->autoflush(1);
    print {$in} "BEGIN; LOCK TABLE render.asset IN SHARE MODE;\n\\echo locked\n";
    is scalar <$out>, "locked\n", "$event between storage and PostgreSQL";
    my $waiting = sub { split ' ', $s->psql("SELECT string_agg(pid::text, ' ') FROM pg_locks WHERE NOT granted"
        . " AND relation = 'render.asset'::regclass") };
    go_on($c);
    my $first;
    wait_until(sub { ($first) = $waiting->(); $first && $s->has_object("inputs/$account/$id") }, 10, 'the file to be in storage');
    if ($event eq 'cut') { cut_all($p) }
    else                 { kill 'KILL', nginx_workers($s) }
    is id(told($c)->{held}), $id, 'the client comes back for it';
    go_on($c);
    wait_until(sub { grep { $_ != $first } $waiting->() }, 10, 'another one to come to that') if $event eq 'kill';
    print {$in} "COMMIT;\n";
    close $in;
    waitpid $psql, 0;
    delete $running{$psql};
    my $r = ended($c);
    report($p);
    succeeds($r, 'the client comes to its end');
    is story($r), 'POST 201, PATCH cut, HEAD 200', 'which asked how far it was';
    is_asset($r->{url}, $file, 'it is whole');
    is rows(id($r->{url})), 1, 'and there once';
}


# ---------------------------------------------------------------- what else tus-js-client can do

{
    my $r = upload(file => $file, options => options(0, uploadDataDuringCreation => JSON::PP::true));
    succeeds($r, 'bytes in the creation');
    is story($r), 'POST 201' . ', PATCH 204' x 3, 'the first of them';
    is_asset($r->{url}, $file, 'it is whole');

    $r = upload(file => $file, options => options(0, uploadDataDuringCreation => JSON::PP::true, chunkSize => 4 * $MIB));
    succeeds($r, 'all bytes in the creation');
    is story($r), 'POST 201', 'which is all there is to be sent';
    is_asset($r->{url}, $file, 'it is whole');

    $r = upload(file => $even, options => options(0, overridePatchMethod => JSON::PP::true));
    succeeds($r, 'POST that stands for PATCH');
    is story($r), 'POST 201' . ', PATCH 204' x 3, 'is taken for one';
    is join(' ', map { $_->{method} } @{ $r->{requests} }), 'POST POST POST POST', 'though it is none';
    is_asset($r->{url}, $even, 'it is whole');
}

# (For a stream that ends where a piece does, tus-js-client waits for ever by itself.)
{
    my $r = upload(file => $file, stream => JSON::PP::true, options => options(0, uploadLengthDeferred => JSON::PP::true));
    succeeds($r, 'a stream of which nobody knows the length');
    like story($r), qr/\APOST 201(?:, PATCH 204){4,5}\z/, 'is sent in pieces';      # the last may be empty
    my @lengths = map { $_->{length} // '?' } @{ $r->{requests} };
    is pop @lengths, -s $file, 'the last of which tells it';
    is "@lengths", join(' ', ('?') x @lengths), 'and none before';
    is_asset($r->{url}, $file, 'it is whole');
}
{
    my $p = proxy([int $MIB * 1.3, 'cut'], [int $MIB * 2.6, 'lose'], [3 * $MIB, 'cut']);
    my $r = upload(file => $file, stream => JSON::PP::true, options => options($p->{port}, uploadLengthDeferred => JSON::PP::true));
    my $did = report($p);
    succeeds($r, 'the same over a bad network');
    is "$did->{cuts} $did->{lost}", '2 1', 'which it was';
    is_asset($r->{url}, $file, 'it is whole');
}

{
    my $before = rows();
    my $r = upload(file => $file, options => options(0, parallelUploads => 3, metadata => { title => 'of three' }));
    succeeds($r, 'three uploads that are joined');
    is scalar(grep { $_->{method} eq 'POST' && ($_->{concat} // '') eq 'partial' && $_->{status} == 201 } @{ $r->{requests} }), 3, 'there were three';
    like $r->{requests}[-1]{concat}, qr{\Afinal;(?:http\S+/files/[0-9a-f-]{36} ?){3}\z}, 'and one of them';
    is is_asset($r->{url}, $file, 'it is whole')->{title}, 'of three', 'with its own title';
    wait_until(sub { rows() == $before + 1 }, 10, 'their rows to go');

    my $p = proxy(map { [int $MIB * $_, 'cut'] } 0.7, 1.5, 2.2, 2.9);
    $r = upload(file => $file, options => options($p->{port}, parallelUploads => 3, chunkSize => 300_000));
    my $did = report($p);
    succeeds($r, 'the same over a bad network');
    is $did->{cuts}, 4, 'which it was';
    is_asset($r->{url}, $file, 'it is whole');
}

{
    my $r = upload(file => $file, options => options(0, chunkSize => 2 * $MIB), stop => { by => 'terminate', at => 2 * $MIB + 1 });
    is $r->{end}, 'terminate', 'ended for good in the middle of a request' or diag($r->{error});
    is $r->{requests}[-1]{method} . ' ' . ($r->{requests}[-1]{status} // 'cut'), 'DELETE 204', 'by DELETE';
    is head($r->{url})->{status}, 404, 'it is gone';
    is rows(id($r->{url})), 0, 'with its row';
    is scalar(my @left = glob "$spool/" . id($r->{url}) . '*'), 0, 'and its files';
}

for my $stop ('pause', 'die') {
    my @same = (file => $file, storage => "$dir/urls-$stop.json", options => options(0));
    spew("$dir/urls-$stop.json", '{}');
    my $first = upload(@same, stop => { by => $stop, at => $MIB + 1 });
    ok $first->{url}, "$stop in the middle of a request, and its process ends";
    is $first->{end} // 'killed', $stop eq 'die' ? 'killed' : 'pause', 'as it should';
    my $second = upload(@same, resume => JSON::PP::true);
    is $second->{found}, 1, 'another process finds it';
    succeeds($second, 'and goes on');
    is $second->{url}, $first->{url}, 'with the same';
    is $second->{requests}[0]{method}, 'HEAD', 'asking how far it was';
    my ($patch) = grep { $_->{method} eq 'PATCH' } @{ $second->{requests} };
    cmp_ok $patch->{offset}, '>=', $MIB, 'sends no piece twice';
    is scalar(grep { $_->{method} eq 'POST' } @{ $second->{requests} }), 0, 'and creates none';
    is_asset($second->{url}, $file, 'it is whole');
    is slurp("$dir/urls-$stop.json"), '{}', 'and nothing to go on with is left';
}


# ---------------------------------------------------------------- Uppy

{
    my $p = proxy([int $MIB * 0.5, 'cut'], [int $MIB * 1.7, 'kill'], [int $MIB * 2.5, 'lose']);
    my $r = upload(client => 'uppy', file => $file, options => options($p->{port}));
    my $did = report($p);
    succeeds($r, 'Uppy over a bad network');
    is "$did->{cuts} $did->{kills} $did->{lost}", '1 1 1', 'which it was';
    is scalar(grep { $_->{method} eq 'POST' } @{ $r->{requests} }), 1, 'creates one';
    is is_asset($r->{url}, $file, 'it is whole')->{filename}, 'odd', 'of its name';

    $r = upload(client => 'uppy', file => $file, options => options(0, parallelUploads => 2));
    succeeds($r, 'Uppy with two uploads that are joined');
    is_asset($r->{url}, $file, 'it is whole');

    $r = upload(client => 'uppy', file => $file, options => options(0), stop => { by => 'terminate', at => $MIB + 1 });
    is $r->{end}, 'terminate', 'cancelled in Uppy' or diag($r->{error});
    like story($r), qr/DELETE 204/, 'by DELETE';
    is head($r->{url})->{status}, 404, 'it is gone';
}


# ---------------------------------------------------------------- what is there no more

{
    my $before = rows();
    my $c = begin(file => $file, options => options(0), hold => [{ method => 'PATCH', number => 2 }]);
    my $id = id(told($c)->{held});
    is $s->req(DELETE => "/files/$id", token => $token, headers => { 'Tus-Resumable' => '1.0.0' })->{status}, 204, 'removed while it is sent';
    go_on($c);
    my $r = ended($c);
    is "$r->{end} $r->{status}", 'error 404', 'is an error that says so' or diag(story($r));
    is story($r), 'POST 201, PATCH 204, PATCH 404', 'and the end';
    is rows(), $before, 'nothing is left';

    $c = begin(file => $file, options => options(0), hold => [{ method => 'PATCH', number => 2 }]);
    $id = id(told($c)->{held});
    expire($id);
    go_on($c);
    $r = ended($c);
    is "$r->{end} $r->{status}", 'error 410', 'expired while it is sent: the same' or diag(story($r));
    is story($r), 'POST 201, PATCH 204, PATCH 410', 'and the end';
}

for my $way ('expired', 'removed') {
    my $status = $way eq 'expired' ? 410 : 404;
    my $away = sub {
        my ($id) = @_;
        return expire($id) if $way eq 'expired';
        is $s->req(DELETE => "/files/$id", token => $token, headers => { 'Tus-Resumable' => '1.0.0' })->{status}, 204, 'as it was cut';
    };
    my $p = proxy([int $MIB * 1.5, 'cut']);
    my $c = begin(file => $file, options => options($p->{port}), hold => [{ method => 'HEAD', number => 1 }]);
    my $old = id(told($c)->{held});
    $away->($old);
    go_on($c);
    my $r = ended($c);
    report($p);
    succeeds($r, "cut, and $way when it comes back: the client begins anew");
    is story($r), "POST 201, PATCH 204, PATCH cut, HEAD $status, POST 201" . ', PATCH 204' x 4, 'once';
    isnt id($r->{url}), $old, 'with another one';
    is_asset($r->{url}, $file, 'it is whole');

    my @same = (file => $file, storage => "$dir/urls-$way.json");
    spew("$dir/urls-$way.json", '{}');
    my $first = upload(@same, options => options(0), stop => { by => 'pause', at => $MIB + 1 });
    $away->(id($first->{url}));
    my $options = options(0);
    $r = upload(@same, options => { %$options, endpoint => undef, uploadUrl => $first->{url} });
    is "$r->{end} $r->{status}", "error $status", "$way, and another process knows nothing but its URL: an error that says so";
    is story($r), "HEAD $status", 'and the end';
    $r = upload(@same, options => $options, resume => JSON::PP::true);
    succeeds($r, 'which may create another');
    is "$r->{found} " . story($r), "1 HEAD $status, POST 201" . ', PATCH 204' x 4, 'creates one';
    is_asset($r->{url}, $file, 'it is whole');
}

is_deeply [grep { !/\.info\z/ && !/\A[0-9a-f-]{36}\z/ } map { s{.*/}{}r } glob "$spool/*"], [], 'nobody left anything half-written';

$s->stop;
done_testing;
