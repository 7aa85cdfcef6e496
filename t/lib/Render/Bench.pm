package Render::Bench;

# What the parts of `make bench` share: nginx processes of their own beside a
# private stack (Render::Test), load generators (t/bench/*.c), CPU and memory of
# processes, medians, and the rows of the table. Nothing is judged here: a row
# has our figure, the other one, their ratio and the target behind it.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IO::Handle;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use Render::Test;

our @EXPORT = qw(median heading row note load start_load end_load talk tell hear hang_up
    cpu queued family pss uss rss threads statement_of as_role quoted_answer raw_request pause);

my $build = abs_path($ENV{RENDER_BUILD} // 'build');
my (%nginx, %loads);        # pid => 1, of what is ours to end
my %no_proxy = (proxy => undef, http_proxy => undef, https_proxy => undef);

$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);

END {
    my $status = $?;
    local ($?, $!);
    kill 'TERM', $_ for keys %loads, keys %nginx;
    waitpid $_, 0 for keys %loads, keys %nginx;
    $? = $status;
}

# ---------------------------------------------------------------- figures

sub median {
    my @v = sort { $a <=> $b } grep {defined} @_;
    return @v ? $v[$#v / 2] : undef;
}

# heading($part, @more): the machine and who takes part
sub heading {
    my ($part, @more) = @_;
    my $info = _text('/proc/cpuinfo');
    my ($cpu)   = $info =~ /model name\s*:\s*(.*)/;
    my ($load)  = _text('/proc/loadavg') =~ /^(\S+)/;
    my ($nginx) = `nginx -v 2>&1` =~ m{nginx/(\S+)};
    my ($redis) = `redis-server --version` =~ /v=(\S+)/;
    printf "%s: %s, %d cores, load %s; nginx %s, Redis %s%s\n\n", $part, $cpu // 'unknown processor',
        scalar(() = $info =~ /^processor/mg), $load, $nginx // '?', $redis // '?', join '', map {", $_"} @more;
    printf "%-60s %10s %10s %7s  %s\n", '', 'ours', 'other', 'ratio', 'target';
    $| = 1;
}

# row($what, $ours, $other, $target, $format): lists of one figure a round; the ratio is the median
# of the rounds' ratios, since the two of a round were measured side by side
sub row {
    my ($what, $ours, $other, $target, $format) = @_;
    $format ||= '%.1f';
    my @both = grep { defined $ours->[$_] && $other && $other->[$_] } 0 .. $#$ours;
    my @ratios = map { $ours->[$_] / $other->[$_] } @both;
    my $shown = sub { my $m = median(@{ $_[0] || [] }); defined $m ? sprintf $format, $m : '-' };
    printf "%-60s %10s %10s %7s  %s\n", $what, $shown->($ours), $shown->($other),
        @ratios ? sprintf('%.2f', median(@ratios)) : '-', $target // '';
}

sub note { print "    $_[0]\n" }

sub pause { select undef, undef, undef, $_[0] }

# ---------------------------------------------------------------- processes

sub _text {
    my ($file) = @_;
    open my $in, '<:raw', $file or return '';
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

sub _stat { _text("/proc/$_[0]/stat") =~ /.*\) (.*)/s ? split ' ', $1 : () }

# CPU seconds of processes so far, all threads, user and system. The scheduler's own account is
# that of stat, but in nanoseconds; a thread that has ended is in stat alone.
sub cpu {
    my $seconds = 0;
    for my $pid (@_) {
        my %of = threads($pid);
        $seconds += $_ for values %of;
    }
    return $seconds;
}

# The same of a process, of all below it, and of those below it that have ended
sub family {
    my ($top) = @_;
    my $ticks = 0;
    for my $pid ($top, split ' ', _text("/proc/$top/task/$top/children")) {
        my @f = _stat($pid) or next;
        $ticks += $f[11] + $f[12];
        $ticks += $f[13] + $f[14] if $pid == $top;
    }
    return $ticks / 100;
}

# Seconds in which they could have run and no CPU was free: others want it, too
sub queued {
    my $ns = 0;
    $ns += (split ' ', _text("/proc/$_/schedstat"))[1] || 0 for @_;
    return $ns / 1e9;
}

# thread id => CPU seconds
sub threads {
    my ($pid) = @_;
    my %of;
    for my $dir (glob "/proc/$pid/task/*") {
        my ($tid) = $dir =~ /(\d+)\z/;
        my ($ns) = split ' ', _text("$dir/schedstat");
        $of{$tid} = ($ns // 0) / 1e9;
    }
    return %of;
}

# KiB of processes; a page that n of all processes share counts 1/n
sub pss { _rollup('Pss', @_) }

# KiB that no other process has
sub uss { _rollup('Private_Clean', @_) + _rollup('Private_Dirty', @_) }

sub rss { _rollup('Rss', @_) }

sub _rollup {
    my ($name, @pids) = @_;
    my $sum = 0;
    for my $pid (@pids) {
        $sum += $1 if _text("/proc/$pid/smaps_rollup") =~ /^\Q$name\E:\s+(\d+)/m;
    }
    return $sum;
}

# ---------------------------------------------------------------- load

# A load generator, in the background. In a session of its own: where the kernel shares CPU out by
# sessions, a client takes none of the server's. Not so spin, which stands
# for work of the server.
sub start_load {
    my ($program, @args) = @_;
    my $pid = open my $out, '-|';
    die "fork: $!" unless defined $pid;
    _become($program, @args) if !$pid;
    $loads{$pid} = 1;
    return { pid => $pid, out => $out, program => $program };
}

sub _become {
    my ($program, @args) = @_;
    POSIX::setsid() unless $program eq 'spin';
    exec { "$build/bench/$program" } $program, @args or print STDERR "$build/bench/$program: $!\n";
    POSIX::_exit(127);
}

# What it printed: { name => value }
sub end_load {
    my ($load, $signal) = @_;
    kill $signal, $load->{pid} if $signal;
    my %said;
    while (my $line = readline $load->{out}) {
        $said{$1} = $2 if $line =~ /\A(\S+) (.*)/;
    }
    close $load->{out};
    delete $loads{ $load->{pid} };
    die "$load->{program} failed (status $?)\n" if $? && !$signal;
    return \%said;
}

sub load { end_load(start_load(@_)) }

# One that takes commands: talk($program, @args), then tell($it, 'command'), hear($it, qr/last line/):
# what it said up to that line, { name => value }
sub talk {
    my ($program, @args) = @_;
    pipe my $theirs, my $in  or die "pipe: $!";
    pipe my $out, my $others or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        close $in;
        open STDIN,  '<&', $theirs or die $!;
        open STDOUT, '>&', $others or die $!;
        _become($program, @args);
    }
    close $theirs;
    close $others;
    $loads{$pid} = 1;
    $in->autoflush(1);
    return { pid => $pid, out => $out, in => $in, program => $program };
}

sub tell { print { $_[0]{in} } "$_[1]\n" }

sub hear {
    my ($it, $until) = @_;
    my %said;
    while (defined(my $line = readline $it->{out})) {
        $said{$1} = $2 if $line =~ /\A(\S+) (.*)/;
        return \%said if $line =~ $until;
    }
    die "$it->{program} has ended\n";
}

sub hang_up {
    my ($it) = @_;
    close $it->{in};
    waitpid $it->{pid}, 0;
    delete $loads{ $it->{pid} };
}

# A request as it is sent, in a file: raw_request($file, 'GET /x', { header => value }, $body); the file
sub raw_request {
    my ($file, $line, $headers, $body) = @_;
    my $text = "$line HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nAccept: */*\r\n";
    $text .= "$_: $headers->{$_}\r\n" for sort keys %{ $headers || {} };
    $text .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} $text, "\r\n", defined $body ? $body : '';
    close $out or die "$file: $!";
    return $file;
}

# ---------------------------------------------------------------- PostgreSQL

# Environment of libpq for a role's URL of the stack
sub as_role {
    my ($s, $url) = @_;
    my ($user, $password, $db, $host) = $s->env->{$url} =~ m{\Apostgresql://(\w+):(\w+)\@/(\w+)\?host=(.*)}
        or die "$url is no URL of the stack";
    $host =~ s/%(..)/chr hex $1/ge;
    return (PGHOST => $host, PGUSER => $user, PGPASSWORD => $password, PGDATABASE => $db,
        PGOPTIONS => '-c statement_timeout=5s -c lock_timeout=1s -c idle_in_transaction_session_timeout=10s');
}

# statement_of($s, $function, sub { ... }): what the module has PostgreSQL do for the request that the
# sub makes, as PostgreSQL logs it: the text that was prepared, and its arguments
sub statement_of {
    my ($s, $function, $ask) = @_;
    my $file = $s->home . '/log/postgres.log';
    $s->psql(q{ALTER SYSTEM SET log_statement = 'all'});
    $s->psql('SELECT pg_reload_conf()');
    my ($sql, @args);
    wait_until(sub {
        my $from = -s $file;
        $ask->();
        my $log = substr _text($file), $from;
        return unless $log =~ /execute\ \w+:\ (SELECT\ [^\n]*\.\Q$function\E\([^\n]*)\n
                               [^\n]*DETAIL:\s+parameters:\ ([^\n]*)/x;
        $sql = $1;
        my $text = $2;
        while ($text =~ /\$\d+ = (?:(NULL)|'((?:[^']|'')*)')/g) {
            my $v = $1 ? '\N' : $2;
            $v =~ s/''/'/g;
            push @args, $v;
        }
        return 1;
    }, 5, "the statement of $function");
    $s->psql('ALTER SYSTEM RESET log_statement');
    $s->psql('SELECT pg_reload_conf()');
    # and until the sessions of nginx have heard of it
    wait_until(sub {
        my $from = -s $file;
        $ask->();
        return substr(_text($file), $from) !~ /\Q$function\E\(/;
    }, 5, 'an end of logging');
    return ($sql, @args);
}

# ---------------------------------------------------------------- nginx

# A location that answers at once what the module has answered: status, body and headers as they are.
# Its access log is nginx's own format, or with same_log => 1 that of the API.
sub quoted_answer {
    my ($path, $r, %opt) = @_;
    my $quote = sub { my $t = $_[0]; $t =~ s/([\\'])/\\$1/g; $t =~ tr/$/S/; "'$t'" };
    my $text = "location = $path {\n";
    $text .= "    access_log \$bench_log combined;\n" unless $opt{same_log};
    for my $name (sort keys %{ $r->{headers} }) {
        next if $name =~ /\A(?:server|date|content-type|content-length|connection|location)\z/i;
        my $value = $r->{headers}{$name};
        $text .= "    add_header $name " . $quote->($_) . " always;\n" for ref $value ? @$value : $value;
    }
    my $type = $r->{headers}{'content-type'};
    $text .= "    default_type $type;\n" if defined $type;
    my $body = $r->{status} == 302 ? $r->{headers}{location} : $r->{body};
    return "$text    return $r->{status} " . $quote->($body) . ";\n}\n";
}

# Render::Bench->nginx($s, %opt): one more nginx on the stack's servers, with its configuration, but
# on a port of its own. workers (1), connections (1024), main, http, server (text), redis (port),
# edit (a sub that changes the whole text in $_). It answers /health when this returns, or with
# wait => 0 has just been started.
sub nginx {
    my ($class, $s, %opt) = @_;
    my $port = free_port();
    my $name = "bench-$port";
    my $home = $s->home;
    my $log  = "$home/log/$name.log";
    local $_ = _text("$home/nginx/nginx.conf");
    my $own = _text("$home/nginx/port");
    chomp $own;
    s{listen \S+:$own;}{listen 127.0.0.1:$port;} or die 'no listen';
    s{run/nginx\.(pid|lock)}{run/$name.$1}g;
    s{nginx-error\.log"}{$name.log"};
    s{nginx-access\.log"}{$name-access.log"};
    s{^worker_processes .*}{'worker_processes ' . ($opt{workers} || 1) . ';'}me;
    s{worker_connections \d+}{'worker_connections ' . ($opt{connections} || 1024)}e;
    s{render_redis .*}{render_redis "redis://127.0.0.1:$opt{redis}/0";} if $opt{redis};
    s{include "[^"]*/http\*\.conf";}{"keepalive_requests 100000000;\n" . ($opt{http} || '')}e;
    my $server = $opt{server} || '';
    $server =~ s{\$bench_log}{"$home/log/$name-plain.log"}g;
    s{include "[^"]*/extra\*\.conf";}{$server};
    $_ = ($opt{main} || '') . "\n" . $_;
    $opt{edit}->() if $opt{edit};
    my $conf = "$home/nginx/$name.conf";
    open my $out, '>', $conf or die "$conf: $!";
    chmod 0600, $conf;
    print {$out} $_;
    close $out or die "$conf: $!";

    my $began = time;
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDOUT, '>>', "$home/log/$name-stderr.log";
        open STDERR, '>&', \*STDOUT;
        exec 'nginx', '-p', "$home/nginx/", '-e', $log, '-c', $conf or print STDERR "nginx: $!\n";
        POSIX::_exit(127);
    }
    $nginx{$pid} = 1;
    my $self = bless { pid => $pid, port => $port, began => $began, log => $log, s => $s }, $class;
    return $self if defined $opt{wait} && !$opt{wait};
    wait_until(sub {
        die "nginx ended at its start:\n" . _text($log) if waitpid($pid, 1) == $pid;
        my $health = HTTP::Tiny->new(timeout => 2, %no_proxy)->get("http://127.0.0.1:$port/health");
        return $health->{status} == 200;
    }, 20, 'nginx');
    return $self;
}

sub port { $_[0]{port} }

# Its worker processes
sub pids { split ' ', _text("/proc/$_[0]{pid}/task/$_[0]{pid}/children") }

sub master { $_[0]{pid} }

# Requests through the rig, with what it knows to do, but to this nginx
sub req {
    my ($self, @args) = @_;
    my $port = $self->{port};
    no warnings 'redefine';
    local *Render::Test::url = sub {"http://127.0.0.1:$port"};
    return $self->{s}->req(@args);
}

sub end {
    my ($self) = @_;
    delete $nginx{ $self->{pid} } or return;
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
}

1;
