package Render::Test::Faults;

# What the tests of outages and crashes share: a film that takes some seconds of work, the
# processes of a worker, and what must be true of a job however roughly it was treated.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Render::Test;

our @EXPORT = qw(heavy_asset film submit children render_children helpers mid_render freeze thaw
    alive cpu_seconds temp_files task_rows completed_once film_is psql_as background log_count
    nginx_workers nginx_descriptors s3_connections active_connections ready);

# A picture that is dear to encode: some 0.2 s of work a second on one core.
my ($width, $height, $rate) = (1920, 1080, 30);

sub heavy_asset {
    my ($s, $u, $seconds) = @_;
    my $file = make_media("heavy$seconds.mp4", qw(-f lavfi -i), "testsrc2=size=${width}x$height:rate=$rate",
        '-t', $seconds, qw(-c:v libx264 -preset ultrafast -g 60 -pix_fmt yuv420p));
    my $asset = $s->upload($u->{token}, $file);
    # Probed beforehand, so that the next thing a worker claims is the film's own.
    wait_until(sub { $s->req(GET => "/videos/$asset->{id}", token => $u->{token})->{json}{status} eq 'ready' },
        20, 'the probe');
    return $asset;
}

my $films = 0;

# film(seconds => n, asset => upload): of that upload; without one a plain colour, quick to render.
# Each has a mark of another colour, so that none reuses the segments of one before.
sub film {
    my (%opt) = @_;
    my $color = sprintf '#%06x', 0x204060 + 1031 * ++$films;
    my @mark = ({ asset => { type => 'color', color => $color }, duration => $opt{seconds} });
    my @clips;
    push @clips, { asset => { type => 'video', src => "asset:$opt{asset}{id}" }, duration => $opt{seconds} } if $opt{asset};
    $mark[0]{width} = $mark[0]{height} = 64 if @clips;
    my ($w, $h) = @clips ? ($width, $height) : (128, 72);
    my @tracks = map { { kind => 'video', clips => $_ } } (@clips ? \@clips : ()), \@mark;
    return { version => 1, title => $opt{title} || 'A film',
        timeline => { width => $w, height => $h, fps => $rate, tracks => \@tracks } };
}

# Sends it to be rendered; the job's id.
sub submit {
    my ($s, $u, $film) = @_;
    my $r = $s->req(POST => '/compositions', token => $u->{token}, json => $film);
    die "POST /compositions: $r->{status} $r->{body}\n" unless $r->{status} == 202;
    return $r->{json}{job_id};
}

# ---------------------------------------------------------------- processes

sub _stat {
    open my $in, '<', "/proc/$_[0]/stat" or return;
    my $line = <$in>;
    return defined $line && $line =~ /.*\) (.*)/s ? split(' ', $1) : ();
}

sub alive {
    my @f = _stat($_[0]);
    return @f && $f[0] !~ /[ZX]/;
}

# Seconds of processor that a process has used.
sub cpu_seconds {
    my @f = _stat($_[0]) or return 0;
    return ($f[11] + $f[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

sub children {
    my %parent = map { $_ => 1 } @_;
    my @all;
    for my $pid (map {m{(\d+)\z}} glob '/proc/[0-9]*') {
        my @f = _stat($pid) or next;
        push @all, $pid if $f[0] !~ /[ZX]/ && $parent{ $f[1] };
    }
    @all = sort { $a <=> $b } @all;    # a sort has no value of its own in scalar context
    return @all;
}

# Mover and zygote of these workers (all of them if none is named).
sub helpers {
    my ($s, @workers) = @_;
    return children(@workers ? @workers : $s->worker_pids);
}

# What the zygotes forked: one child a task.
sub render_children {
    my ($s, @workers) = @_;
    my @helpers = helpers($s, @workers);
    return @helpers ? children(@helpers) : ();
}

# Waits until tasks of this job are rendered; the children's pids. Nothing else is at work then, and each task that is
# claimed has its child: else the one that is there might be that of a preview, which is about to end.
sub mid_render {
    my ($s, $job, %opt) = @_;
    my $n = $opt{tasks} || 1;
    wait_until(
        sub {
            my ($ours, $segments, $all) = split /\|/, $s->psql("SELECT count(*) FILTER (WHERE job = '$job' AND kind = 'render_segment'),"
                . " count(*) FILTER (WHERE kind = 'render_segment'), count(*) FROM render.task WHERE status = 'leased'");
            return $ours >= $n && $segments == $all && render_children($s) == $all
                && render_children($s, @{ $opt{workers} || [] }) >= $n;
        },
        $opt{timeout} || 20, 'the middle of rendering'
    );
    return render_children($s, @{ $opt{workers} || [] });
}

# A child that is stopped is in the middle of rendering for as long as a test needs it to be.
sub freeze { kill STOP => @_ }
sub thaw   { kill CONT => @_ }

# Descriptors of nginx's worker process; how many connections it has to PostgreSQL is its own affair.
sub nginx_descriptors {
    my ($s) = @_;
    my ($worker) = nginx_workers($s);
    my $pg = $s->psql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nginx-render'");
    return scalar(() = glob "/proc/$worker/fd/*") - $pg - s3_connections($s, $worker);
}

# Connections to S3 that a process has: they are kept for the next request.
sub s3_connections {
    my ($s, $pid) = @_;
    return 0 unless $s->s3;
    my ($port) = $ENV{AWS_ENDPOINT_URL_S3} =~ /:(\d+)/;
    my $there = sprintf ':%04X', $port;
    my %of = map { $_->[9] => 1 } grep { ($_->[2] // '') =~ /\Q$there\E\z/ } map { [split] }
        split /\n/, Render::Test::_read("/proc/$pid/net/tcp");
    return scalar grep { (readlink($_) // '') =~ /\Asocket:\[(\d+)\]/ && $of{$1} } glob "/proc/$pid/fd/*";
}

# Connections that nginx counts as active, ours to ask apart; its stub_status is at $path.
sub active_connections {
    my ($s, $path) = @_;
    my $text = $s->raw("GET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    my ($n) = $text =~ /Active connections: (\d+)/ or die "stub_status: $text\n";
    return $n - 1;
}

# The worker processes of nginx that take connections.
sub nginx_workers {
    my ($s) = @_;
    open my $in, '<', $s->home . '/run/nginx.pid' or return;
    chomp(my $master = <$in>);
    my @pids;
    if ($ENV{RENDER_VALGRIND}) {        # where a process keeps its name
        my %leave = map { $_ => 1 } $s->log('nginx-error') =~ /(\d+)#\d+: gracefully shutting down$/mg;
        return grep { !$leave{$_} } children($master);
    }
    for my $pid (children($master)) {
        open my $cmd, '<', "/proc/$pid/cmdline" or next;
        my $text = <$cmd>;
        push @pids, $pid if defined $text && $text =~ /nginx: worker process(?! is)/;
    }
    return @pids;
}

# background(sub { ... }): runs it in a process of its own; call what this returns to wait for
# it and to have what it returned, as text.
sub background {
    my ($sub) = @_;
    pipe my $read, my $write or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        close $read;
        my $text = eval { $sub->() };
        $text = "died: $@" unless defined $text;
        syswrite $write, $text;
        POSIX::_exit(0);        # none of the parent's END blocks and destructors
    }
    close $write;
    return sub {
        my $text = do { local $/; <$read> };
        1 while waitpid($pid, 0) < 0 && $!{EINTR};
        return defined $text ? $text : '';
    };
}

# ---------------------------------------------------------------- what must be true

sub temp_files {
    my ($s) = @_;
    return grep { -f } map { glob "$_/*" } $s->temp_folders;
}

# "kind status attempt fence" of each task of the newest run, a line each
sub task_rows {
    my ($s, $job) = @_;
    return $s->psql("SELECT t.kind || ' ' || t.status || ' ' || t.attempt || ' ' || t.fence FROM render.task t JOIN render.job j"
        . " ON j.id = t.job AND j.run = t.run WHERE j.id = '$job' ORDER BY t.created_at, number");
}

# completed_once($s, $job, $name, $without): however often its tasks were begun, there is one film.
# $without: a stage, all of whose attempts were made to fail.
sub completed_once {
    my ($s, $job, $name, $without) = @_;
    $without = '' unless defined $without;
    is $s->psql("SELECT count(*) || ' ' || min(status::text) FROM render.job WHERE id = '$job'"),
        '1 completed', "$name: the job is completed";
    is $s->psql("SELECT count(*) FROM render.asset a JOIN render.job j ON a.storage_key = j.results->'final'->>'key'"
        . " WHERE j.id = '$job'"), 1, "$name: one asset is its film";
    is $s->psql("SELECT count(*) FROM render.asset WHERE origin = 'render' AND storage_key LIKE 'outputs/$job/%'"),
        1, "$name: and no other asset came of it";
    is $s->psql("SELECT count(*) FROM render.task t JOIN render.job j ON j.id = t.job AND j.run = t.run WHERE j.id = '$job'"
        . " AND t.status <> CASE t.kind WHEN '$without' THEN 'failed'::render.task_status ELSE 'done' END"), 0, "$name: nothing of it is left to do";
    my @files = $s->objects("outputs/$job");
    my $keys = $s->psql("SELECT string_agg(r->>'key', ' ') FROM render.job j, jsonb_each(j.results) x(n, r) WHERE j.id = '$job'");
    is_deeply \@files, [sort split ' ', $keys], "$name: storage holds the results, and nothing else";
    is scalar(grep {m{/final\.mp4\z}} @files), 1, "$name: one film among them";
}

# film_is($s, $u, $job, $seconds, $name): the download is a whole film of that length.
sub film_is {
    my ($s, $u, $job, $seconds, $name) = @_;
    my $r = $s->req(GET => "/results/$job/final", token => $u->{token});
    is $r->{status}, 302, "$name: a link to the film" or return diag $r->{body};
    $r = $s->req(GET => $r->{headers}{location});
    is $r->{status}, 200, "$name: the film is there" or return;
    my $dir = tempdir('render-film-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $file = "$dir/final.mp4";
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} $r->{body};
    close $out or die "$file: $!";
    my $probe = ffprobe($file, args => ['-count_frames']);
    my ($video) = grep { $_->{codec_type} eq 'video' } @{ $probe->{streams} };
    is $video->{nb_read_frames}, $seconds * $rate, "$name: every frame of it can be decoded";
}

# psql_as('WORKER' or 'WEB', $sql): (status, output, errors) as that role
sub psql_as {
    my ($s, $role, $sql) = @_;
    my ($code, $out, $err) = Render::Test::_run({ stdin => $sql }, Render::Test::_psql_command(),
        qw(-X -q -A -t -v ON_ERROR_STOP=1 -d), $s->env->{"DATABASE_URL_$role"});
    $out =~ s/\s+\z//;
    return ($code, $out, $err);
}

sub log_count {
    my ($s, $name, $what) = @_;
    my $n = () = $s->log($name) =~ /$what/g;
    return $n;
}

# /health/ready, which knows what is away
sub ready { $_[0]->req(GET => '/health/ready') }

1;
