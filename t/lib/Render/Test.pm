package Render::Test;

# The rig of the t/*.t files: a whole private stack (scripts/stack) in a temporary folder, and
# the few things a test does with one. It knows paths and file names, but no rules of the
# product; what an answer must be is said by the tests.
#
#   use lib 't/lib';
#   use Render::Test;
#   my $s = Render::Test->start(workers => 1, slots => 2);
#   my $u = $s->signup;
#   my $r = $s->req(GET => '/users/me', token => $u->{token});
#   is $r->{status}, 200;
#   $s->stop;           # before done_testing: it asserts that the logs are clean
#   done_testing;

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Find ();
use File::Path qw(make_path remove_tree);
use File::Spec;
use File::Temp qw(tempdir tempfile);
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use Render::Test::Record;
use Render::Test::S3;
use Render::Test::SSE;
use Render::Test::WS;

our @EXPORT = qw(wait_until free_port ffprobe make_media check_contract);

my $repo = abs_path(dirname(__FILE__) . '/../../..');
my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my %live;       # stacks that nobody stopped yet, for END
my $counter = 0;

# Time-outs are so much longer, for who runs all this under valgrind and the like.
my $slow = $ENV{RENDER_SLOW} || 1;

# ---------------------------------------------------------------- the stack

# start(%opt): workers, slots, nginx_workers; worker => 0 for none; extra_conf and http_conf, text
# for nginx's server and http block; env => {} for whatever else scripts/stack and what it starts
# shall see; allow_alerts => qr// for lines of nginx's log that this test provokes.
sub start {
    my ($class, %opt) = @_;
    my $dir = tempdir('render-test-XXXXXX', TMPDIR => 1, CLEANUP => 0);
    # As root the servers run as other users, who must get through.
    chmod 0755, $dir or die "chmod $dir: $!";

    my %env = (RENDER_HOME => "$dir/home", RENDER_PORT => 0, RENDER_TEST => 1, %{ $opt{env} || {} });
    my %named = (workers => 'RENDER_WORKERS', slots => 'RENDER_SLOTS', nginx_workers => 'RENDER_NGINX_WORKERS');
    defined $opt{$_} and $env{ $named{$_} } = $opt{$_} for keys %named;
    # t/s3/with: all the same, and storage in S3
    $env{RENDER_STORAGE} //= $ENV{RENDER_TEST_S3} . ($dir =~ s{.*/}{/}r) if $ENV{RENDER_TEST_S3};
    $env{RENDER_WORKERS} = 0 if defined $opt{worker} && !$opt{worker};

    my $self = bless {
        dir   => $dir,
        env   => \%env,
        s3    => ($env{RENDER_STORAGE} // '') =~ m{\As3:} ? Render::Test::S3->new($env{RENDER_STORAGE}, { %ENV, %env }) : undef,
        pid   => $$,
        allow => $opt{allow_alerts},
        record => Render::Test::Record->new("$dir/exchanges"),
    }, $class;
    $live{$self} = $self;
    require Scalar::Util;
    Scalar::Util::weaken($live{$self});

    $self->conf(http  => $opt{http_conf})  if defined $opt{http_conf};
    $self->conf(extra => $opt{extra_conf}) if defined $opt{extra_conf};
    if (!eval { $self->stack('up'); 1 }) {
        my $why = $@;
        $self->_end;
        $self->_clean_up(1);
        die $why;
    }
    return $self;
}

# conf(http|extra => $text): what `reload` will read; no text takes it away
sub conf {
    my ($self, $where, $text) = @_;
    my $file = $self->home . "/nginx/$where-test.conf";
    make_path(dirname($file));
    $self->{record}->locations($text) if defined $text;
    if (defined $text) { _write($file, "$text\n") }
    else               { unlink $file }
}

sub reload { $_[0]->stack('reload') }

sub home { $_[0]{env}{RENDER_HOME} }

sub port { _line($_[0]->home . '/nginx/port') }

sub url { 'http://127.0.0.1:' . $_[0]->port }

# The variables of the stack's env file.
sub env {
    my ($self) = @_;
    my %env;
    for my $line (split /\n/, _read($self->home . '/env')) {
        $env{$1} = $2 if $line =~ /\Aexport (\w+)='(.*)'\z/;
    }
    return \%env;
}

# PostgreSQL's socket
sub pg_socket {
    my ($dir) = $_[0]->env->{DATABASE_URL_WEB} =~ /[?&]host=([^&]+)/ or die 'no socket';
    $dir =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return "$dir/.s.PGSQL.5432";
}

# scripts/stack with these arguments; its output. Dies if it fails.
sub stack {
    my ($self, @args) = @_;
    my ($code, $out) = $self->try_stack(@args);
    die "scripts/stack @args failed:\n$out" if $code;
    return $out;
}

# The same, but answers (status, output) and never dies.
sub try_stack {
    my ($self, @args) = @_;
    return _run({ env => $self->{env}, merge => 1 }, "$repo/scripts/stack", @args);
}

sub worker_pids {
    my ($self) = @_;
    my @files = sort { _number($a) <=> _number($b) } glob _quoted($self->home) . '/run/worker-*.pid';
    return map { _line($_) } @files;
}

# log('nginx-error'), log('worker-1') ...: the text, empty if there is none
sub log {
    my ($self, $name) = @_;
    $name .= '.log' unless $name =~ /\.log\z/;
    my $file = $self->home . "/log/$name";
    return -e $file ? _read($file) : '';
}

# Lines of nginx's error log that match are meant to be there from now on.
sub allow_alerts { $_[0]{allow} = $_[1] }

# Ends the stack and asserts that it went well. The folder goes with it, unless something failed.
sub stop {
    my ($self) = @_;
    return if $self->{stopped};
    my @faults = $self->_end;
    ok(!@faults, 'no alerts') or diag(join "\n", @faults);
    $self->_contract;
    $self->_clean_up(scalar @faults);
    return !@faults;
}

# What was answered, against docs/openapi.json; the counts are the name of the assertion.
sub _contract {
    my ($self) = @_;
    my $file = $self->exchanges;
    return unless -s $file;
    my ($code, $out, $err) = check_contract($file);
    my ($counts, $rest) = split /\n/, $out, 2;
    ok(!$code, 'the contract holds: ' . ($counts || 'nothing was checked')) or diag($rest || $err);
}

# The file of what was sent and answered, see Render::Test::Record.
sub exchanges { $_[0]{record}->file }

sub _end {
    my ($self) = @_;
    $self->{stopped} = 1;
    delete $live{$self};
    my ($code, $out) = $self->try_stack('down');
    my @faults = $self->_faults;
    push @faults, "scripts/stack down failed: $out" if $code;
    push @faults, "scripts/stack down: $out" if $out =~ /killed/;
    return @faults;
}

sub _faults {
    my ($self) = @_;
    my @faults;
    for my $line (split /\n/, $self->log('nginx-error')) {
        next unless $line =~ /\[(?:alert|emerg)\]/;
        next if $self->{allow} && $line =~ $self->{allow};
        push @faults, "nginx-error.log: $line";
    }
    for my $file (glob _quoted($self->home) . '/log/*.log') {
        my $name = (File::Spec->splitpath($file))[2];
        push @faults, map {"$name: $_"} grep {/Sanitizer|runtime error/} split /\n/, _read($file);
        # With -q it only speaks of faults.
        push @faults, "$name: " . substr(_read($file), 0, 4000) if $name =~ /\Avalgrind-/ && -s $file;
    }
    my $exits = $self->home . '/run/exits';
    for my $line (-e $exits ? split /\n/, _read($exits) : ()) {
        push @faults, "ended badly: $line" if $line =~ /\Aworker-\d+ (?!0\z|killed\z)/;
    }
    return @faults;
}

sub _clean_up {
    my ($self, $failed) = @_;
    if ($failed || $ENV{RENDER_KEEP} || !Test::More->builder->is_passing) {
        diag("kept: $self->{dir}");
        return;
    }
    remove_tree($self->{dir}, { safe => 0 });
}

# A test that never came to its stop: nothing may be left running. There may be no plan left to
# assert into, so a fault shows in the exit status; and how the test ends, on which the folder
# depends, is known in END only.
my @abandoned;

sub _abandon {
    my ($self) = @_;
    return if $self->{stopped} || $self->{pid} != $$;
    local ($@, $!, $?);
    my @faults = $self->_end;
    diag(join "\n", @faults) if @faults;
    push @abandoned, [$self, scalar @faults];
}

sub DESTROY { $_[0]->_abandon }

END {
    my $status = $?;
    $_->_abandon for grep {defined} values %live;
    for (@abandoned) {
        my ($self, $faults) = @$_;
        next if $self->{pid} != $$;
        $self->_clean_up($faults || $status);
        $status ||= 1 if $faults;
    }
    $? = $status;
}

# ---------------------------------------------------------------- talking to it

# req($method, $path, %opt): json => data, body => bytes (or a sub that gives the next bytes),
# headers => {}, token => JWT, timeout => 60. Answers { status, headers, body, json }; redirects
# are not followed; a connection that failed is status 599 with the reason as body.
#
# Bytes that nginx would send itself, and that it has S3 send where storage is there, are got from
# S3: the answer is that of S3, {redirected} the one of nginx. Not so with follow => 0, nor for
# HEAD, for which the link is not signed. A path may be such a link, too.
sub req {
    my ($self, $method, $path, %opt) = @_;
    my $s3 = $self->{s3};
    return $self->_from_s3($method, $path, $opt{headers}, $opt{timeout}) if $s3 && $s3->holds($path);
    my %headers = %{ $opt{headers} || {} };
    my %request = (headers => \%headers);
    $headers{Authorization} = "Bearer $opt{token}" if defined $opt{token};
    if (exists $opt{json}) {
        $request{content} = $json->encode($opt{json});
        $headers{'Content-Type'} = 'application/json' unless grep { lc eq 'content-type' } keys %headers;
    }
    elsif (defined $opt{body}) {
        $request{content} = $opt{body};
    }
    my $r = _http($opt{timeout})->request($method, $self->url . $path, \%request);
    my ($type_sent) = map { $headers{$_} } grep { lc eq 'content-type' } keys %headers;
    $self->{record}->exchange(method => $method, path => $path, type => $type_sent, request => $request{content},
        status => $r->{status}, headers => $r->{headers} || {}, body => $r->{content});
    my %answer = (status => $r->{status}, headers => $r->{headers} || {}, body => $r->{content});
    my $type = $answer{headers}{'content-type'};
    $type = $type->[0] if ref $type;
    if (defined $type && $type =~ m{\Aapplication/(?:[\w.-]+\+)?json\b}i && length $answer{body}) {
        $answer{json} = eval { $json->decode($answer{body}) };
        diag("$method $path: not JSON: $@") if $@;
    }
    my $location = $answer{headers}{location} // '';
    return \%answer unless $s3 && $answer{status} == 302 && $method eq 'GET' && $s3->holds($location)
        && ($opt{follow} // $path =~ m{/d/\d|/stream(?:\?|\z)});
    my $bytes = $self->_from_s3($method, $location, $opt{headers}, $opt{timeout});
    $bytes->{redirected} = \%answer;
    return $bytes;
}

# What is for our own server is not told to another.
sub _from_s3 {
    my ($self, $method, $url, $headers, $timeout) = @_;
    my %headers = map { $_ => $headers->{$_} } grep { !/\A(?:authorization|cookie|host)\z/i } keys %{ $headers || {} };
    my $r = _http($timeout)->request($method, $url, { headers => \%headers });
    return { status => $r->{status}, headers => $r->{headers} || {}, body => $r->{content} };
}

sub _http {
    my ($timeout) = @_;
    # Proxies of the environment are none of ours.
    return HTTP::Tiny->new(max_redirect => 0, timeout => $slow * ($timeout || 60), keep_alive => 0,
        agent => 'render-test', proxy => undef, http_proxy => undef, https_proxy => undef);
}

# A new account: { token, account, email, password }
sub signup {
    my ($self, $email, $password) = @_;
    $email    = sprintf 'user%d.%d.%d@example.test', $$, int(time * 1000), ++$counter unless defined $email;
    $password = 'correct horse battery' unless defined $password;
    my $r = $self->req(POST => '/auth/signup', json => { email => $email, password => $password });
    _expect($r, 201, 'signup');
    return { token => $r->{json}{access_token}, account => $r->{json}{account},
        email => $email, password => $password };
}

my %type_of = (
    mp4 => 'video/mp4', m4v => 'video/mp4', mov => 'video/quicktime', mkv => 'video/x-matroska',
    webm => 'video/webm', avi => 'video/x-msvideo', mp3 => 'audio/mpeg', wav => 'audio/wav',
    ogg => 'audio/ogg', m4a => 'audio/mp4', flac => 'audio/flac', png => 'image/png',
    jpg => 'image/jpeg', jpeg => 'image/jpeg', gif => 'image/gif', webp => 'image/webp',
    svg => 'image/svg+xml', pdf => 'application/pdf', zip => 'application/zip',
);

# upload($token, $file, %opt) or upload($token, \$bytes, %opt); a string that is no file's name
# counts as bytes too. name => file name, type => content type. The asset.
sub upload {
    my ($self, $token, $what, %opt) = @_;
    my $is_file = !ref $what && length $what < 4096 && $what !~ /[\0\n]/ && -f $what;
    my $name = defined $opt{name} ? $opt{name} : $is_file ? (File::Spec->splitpath($what))[2] : 'upload.bin';
    my ($suffix) = lc($name) =~ /\.(\w+)\z/;
    my $type = $opt{type} || (defined $suffix && $type_of{$suffix}) || 'application/octet-stream';
    my %headers = ('Content-Type' => $type, %{ $opt{headers} || {} });
    my $body;
    if ($is_file) {
        open my $in, '<:raw', $what or die "$what: $!";
        $headers{'Content-Length'} = -s $in;
        $body = sub { read $in, my $piece, 65_536; $piece };
    }
    else {
        $body = ref $what ? $$what : $what;
    }
    my $r = $self->req(POST => '/videos/upload?filename=' . _escape($name), token => $token,
        body => $body, headers => \%headers);
    return _expect($r, 201, "upload of $name")->{json};
}

# ws($path, token => ..., headers => {}): a connected Render::Test::WS. own_events => 1: what comes is
# what the test itself puts into Redis, and none of the contract's.
sub ws {
    my ($self, $path, %opt) = @_;
    my %headers = %{ $opt{headers} || {} };
    $headers{Authorization} = "Bearer $opt{token}" if defined $opt{token};
    my $record = $self->{record};
    my $ws = Render::Test::WS->connect('127.0.0.1', $self->port, $path, \%headers,
        seen => $opt{own_events} ? undef : sub { $record->event($path, $_[0]) });
    $record->exchange(method => 'GET', path => $path, status => $ws->status, headers => $ws->headers, body => $ws->body);
    return $ws;
}

# sse($path, token => ..., headers => {}): a Render::Test::SSE
sub sse {
    my ($self, $path, %opt) = @_;
    my %headers = %{ $opt{headers} || {} };
    $headers{Authorization} = "Bearer $opt{token}" if defined $opt{token};
    my $record = $self->{record};
    my $sse = Render::Test::SSE->connect('127.0.0.1', $self->port, $path, \%headers,
        seen => sub { $record->event($path, $_[0]) });
    $record->exchange(method => 'GET', path => $path, status => $sse->status, headers => $sse->headers, cut => 1);
    return $sse;
}

# Watches a job to its end over the WebSocket; the job as GET tells it then. An ended connection
# (a reload, a restart) is taken up again. events => \@list collects what was seen.
sub wait_job {
    my ($self, $token, $id, %opt) = @_;
    my $timeout = $opt{timeout} || 60;
    my $until   = time + $slow * $timeout;
    my $last    = 'nothing';
    my $query   = '';
    my $ws;
    while (time < $until) {
        if (!$ws) {
            $ws = eval { $self->ws("/ws/progress/$id$query", token => $token) };
            die 'wait_job: /ws/progress answers ' . $ws->status . ': ' . ($ws->body || '') . "\n"
                if $ws && $ws->status != 101 && $ws->status < 500;
            if (!$ws || $ws->status != 101) { undef $ws; _pause(0.1); next }
        }
        my $message = $ws->next_message(($until - time) / $slow);
        if (!$message || $message->{opcode} == Render::Test::WS::CLOSE) {
            if ($message) { $ws->close; $last = "close $message->{code} after $last" }
            undef $ws;
            _pause(0.05);
            next;
        }
        $last = $message->{payload};
        my $event = $json->decode($last);
        push @{ $opt{events} }, $event if $opt{events};
        $query = '?last_event_id=' . _escape($event->{id}) if defined $event->{id};
        next unless ($event->{type} || '') =~ /\A(?:done|error)\z/ || _is_final($event->{status});
        my $job = _expect($self->req(GET => "/jobs/$id", token => $token), 200, "job $id")->{json};
        # An error of one attempt is not the job's end.
        next unless _is_final($job->{status});
        $ws->close;
        return $job;
    }
    die "wait_job: job $id did not end in $timeout s; last: $last\n";
}

sub _is_final { defined $_[0] && $_[0] =~ /\A(?:completed|failed|cancelled)\z/ }

# raw($bytes, %opt): the bytes as they are on a new connection; all that comes back until the
# other closes or timeout => 5 is over. chunk => n sends n bytes a write, shutdown => 1 ends our
# half afterwards, until => qr// stops reading when the answer matches.
sub raw {
    my ($self, $bytes, %opt) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->port, Proto => 'tcp')
        or die "connect: $@";
    $socket->setsockopt(Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1);
    local $SIG{PIPE} = 'IGNORE';
    my $until = time + $slow * ($opt{timeout} || 5);
    my $step  = $opt{chunk} || length $bytes || 1;
    my ($sent, $answer) = (0, '');
    while ($sent < length $bytes) {
        my $rest = length($bytes) - $sent;
        my $n = syswrite $socket, $bytes, $step < $rest ? $step : $rest, $sent;
        next if !defined $n && $!{EINTR};
        last unless $n;
        $sent += $n;
    }
    shutdown $socket, 1 if $opt{shutdown};
    my $select = IO::Select->new($socket);
    while ((my $left = $until - time) > 0) {
        last if $opt{until} && $answer =~ $opt{until};
        next unless $select->can_read($left);
        my $n = sysread $socket, $answer, 65_536, length $answer;
        next if !defined $n && $!{EINTR};
        last unless $n;
    }
    close $socket;
    return $answer;
}

# ---------------------------------------------------------------- what storage holds

# Is storage in S3?
sub s3 { $_[0]{s3} }

# nginx's folder of what is on its way: temp/ and uploads/
sub spool { $_[0]->home . ($_[0]{s3} ? '/spool' : '/storage') }

# Where files are written of which nobody knows yet what becomes of them, nginx's and the workers'.
sub temp_folders { $_[0]{s3} ? map { $_[0]->home . $_ } qw(/spool/temp /worker/objects/temp) : $_[0]->spool . '/temp' }

# The file of an object; only where storage is a folder.
sub stored_at {
    my ($self, $key) = @_;
    die "storage is no folder\n" if $self->{s3};
    return $self->home . "/storage/$key";
}

# What a worker beside the stack's must know of storage.
sub storage_env {
    my ($self) = @_;
    return (RENDER_STORAGE => $self->env->{RENDER_STORAGE}, $self->{s3} ? (RENDER_CACHE => $self->home . '/worker/objects') : ());
}

# A link of nginx's own to prefix/file, by the server's key.
sub signed_link {
    my ($self, $until, $prefix, $file) = @_;
    my $mac = hmac_sha256_hex("$until\n$prefix", _line($self->home . '/secrets/link.key'));
    return "/d/$until." . substr($mac, 0, 32) . "/$prefix/$file";
}

# Its bytes; undef, when there is none.
sub object {
    my ($self, $key) = @_;
    return $self->{s3}->get($key) if $self->{s3};
    my $file = $self->stored_at($key);
    return -f $file ? _read($file) : undef;
}

# Its size; undef, when there is none.
sub object_size {
    my ($self, $key) = @_;
    return $self->{s3} ? $self->{s3}->size($key) : (-f $self->stored_at($key) ? -s _ : undef);
}

sub has_object { defined $_[0]->object_size($_[1]) }

# { key => size } of what begins with this, which is a folder
sub object_sizes {
    my ($self, $under) = @_;
    $under =~ s{/*\z}{/};
    return $self->{s3}->list($under) if $self->{s3};
    my ($root, %found) = ($self->home . '/storage/');
    # what is removed meanwhile is not there
    File::Find::find({ no_chdir => 1, wanted => sub { $found{ substr $_, length $root } = -s _ if -f } }, "$root$under")
        if -d "$root$under";
    return \%found;
}

# The keys, in order.
sub objects { my ($self, $under) = @_; return sort keys %{ $self->object_sizes($under) } }

sub put_object {
    my ($self, $key, $bytes) = @_;
    $self->_forget($key);
    return $self->{s3}->put($key, $bytes) if $self->{s3};
    my $file = $self->stored_at($key);
    make_path(dirname($file));
    chmod 0666, $file if -e $file;      # what is stored is not meant to be written to
    _write($file, $bytes);
}

# It must be there.
sub drop_object {
    my ($self, $key) = @_;
    die "$key: there is none\n" unless $self->has_object($key);
    $self->_forget($key);
    return $self->{s3}->drop($key) if $self->{s3};
    my $file = $self->stored_at($key);
    unlink $file or die "$file: $!";
}

# Workers keep what they have got from S3.
sub _forget { unlink $_[0]->home . "/worker/objects/$_[1]" }

# SQL as the superuser; what psql -At prints, without the last line's end. Dies at an error.
sub psql {
    my ($self, $sql) = @_;
    my ($code, $out, $err) = _run({ stdin => $sql }, _psql_command(), qw(-X -q -A -t -v ON_ERROR_STOP=1 -d),
        $self->env->{DATABASE_URL});
    die "psql: $err" if $code;
    $out =~ s/\s+\z//;
    return $out;
}

# Debian's psql is a slow wrapper around the real one.
my $psql_command;

sub _psql_command {
    $psql_command ||= (sort { _number($b) <=> _number($a) } glob '/usr/lib/postgresql/*/bin/psql')[0] || 'psql';
    return $psql_command;
}

sub redis {
    my ($self, @args) = @_;
    my ($code, $out, $err) = _run({}, 'redis-cli', '-p', _line($self->home . '/redis/port'), @args);
    die "redis-cli @args: $out$err" if $code;
    $out =~ s/\s+\z//;
    return $out;
}

# ---------------------------------------------------------------- helpers of any test

# wait_until(sub { ... }, $timeout, $what): the sub's first true answer; dies when time is up.
sub wait_until {
    my ($sub, $timeout, $what) = @_;
    $timeout = 10 unless defined $timeout;
    my $until = time + $slow * $timeout;
    while (1) {
        my $got = $sub->();
        return $got if $got;
        last if time >= $until;
        _pause(0.05);
    }
    die 'waited ' . $timeout . ' s in vain' . (defined $what ? " for $what" : '') . "\n";
}

# A port at which nobody listens, below the range of outgoing connections as scripts/stack chooses.
sub free_port {
    while (1) {
        my $port = 20_000 + int rand 12_000;
        my $try = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1) or next;
        close $try;
        return $port;
    }
}

# check_contract(@arguments): t/contract/check.py with them; (status, output, errors)
sub check_contract {
    # Debian's own Python, for which python3-jsonschema is.
    return _run({}, '/usr/bin/python3', "$repo/t/contract/check.py", @_);
}

# ffprobe($file, count_packets => 1, args => [...]): what ffprobe says of streams and format
sub ffprobe {
    my ($file, %opt) = @_;
    my ($code, $out, $err) = _run({}, 'ffprobe', '-v', 'error', '-of', 'json', '-show_streams', '-show_format',
        ($opt{count_packets} ? '-count_packets' : ()), @{ $opt{args} || [] }, $file);
    die "ffprobe $file: $err" if $code;
    return $json->decode($out);
}

# make_media('clip.mp4', @ffmpeg_args): a file made by `ffmpeg @ffmpeg_args clip.mp4`, once for
# all tests of this user; its path. The same name with other arguments is another file.
sub make_media {
    my ($name, @args) = @_;
    my $dir = _media_dir();
    my $key = substr sha256_hex(join "\0", $name, @args), 0, 12;
    my $file = "$dir/$key-$name";
    return $file if -s $file;
    # Whole or not at all: other tests may look at the same moment.
    my $new = "$dir/new-$$-$name";
    my ($code, $out, $err) = _run({}, 'ffmpeg', '-nostdin', '-v', 'error', '-y', @args, $new);
    if ($code) { unlink $new; die "ffmpeg for $name: $err" }
    rename $new, $file or die "$file: $!";
    return $file;
}

sub _media_dir {
    my $dir = $ENV{RENDER_TEST_MEDIA} || File::Spec->tmpdir . "/render-test-media-$>";
    mkdir $dir, 0700;
    my @stat = lstat $dir or die "$dir: $!";
    # Under /tmp somebody else could have been there first.
    die "$dir is not our folder\n" unless -d _ && $stat[4] == $>;
    return $dir;
}

# ---------------------------------------------------------------- small things

sub _expect {
    my ($r, $status, $what) = @_;
    return $r if $r->{status} == $status;
    die "$what: status $r->{status}, not $status: $r->{body}\n";
}

# Not for waiting on something that has an event.
sub _pause { select undef, undef, undef, $_[0] }

sub _escape {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
    return $text;
}

sub _read {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!";
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

sub _write {
    my ($file, $text) = @_;
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} $text;
    close $out or die "$file: $!";
}

sub _line {
    my $text = _read($_[0]);
    $text =~ s/\s+\z//;
    return $text;
}

sub _number { $_[0] =~ /(\d+)\D*\z/ ? $1 : 0 }

# For glob, to which blanks and the like are special.
sub _quoted {
    my ($path) = @_;
    $path =~ s/([\\\s*?{}\[\]~])/\\$1/g;
    return $path;
}

# A command to its end, with no shell between: (status, output, errors). Output goes through
# files, so that a daemon which keeps one open cannot keep us waiting.
sub _run {
    my ($opt, @command) = @_;
    my ($in, $out, $err) = map { scalar tempfile() } 1 .. 3;
    if (defined $opt->{stdin}) {
        my $text = $opt->{stdin};
        utf8::encode($text) if utf8::is_utf8($text);
        print {$in} $text;
        $in->flush;
        seek $in, 0, 0;
    }
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        my $ok = eval {
            open STDIN,  '<&', $in  or die;
            open STDOUT, '>&', $out or die;
            open STDERR, '>&', $opt->{merge} ? $out : $err or die;
            my $env = $opt->{env} || {};
            $ENV{$_} = $env->{$_} for keys %$env;
            no warnings 'exec';
            exec { $command[0] } @command;
        };
        print STDERR "$command[0]: $!\n";
        require POSIX;
        POSIX::_exit(127);
    }
    1 while waitpid($pid, 0) < 0 && $!{EINTR};
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    my @text = map { seek $_, 0, 0; local $/; my $t = <$_>; defined $t ? $t : '' } $out, $err;
    return ($status, @text);
}

1;
