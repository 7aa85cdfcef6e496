# The sandbox of the children that read strangers' files: what it keeps from them, that it is not
# gone without unless an operator says so, that every stage works in it, and what is told of a
# child that it has ended. What a child is refused in detail: t/unit/test_sandbox.c.

use strict;
use warnings;

use lib 't/lib';

use Config;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use JSON::PP;
use POSIX ();
use Test::More;

use Render::Test;
use Render::Test::Faults;
use Render::Test::Problem;
use Render::Test::Files;

my $build  = abs_path($ENV{RENDER_BUILD} // 'build');
my $worker = "$build/render-worker";
my $dir    = tempdir(CLEANUP => 1);
my $json   = JSON::PP->new->utf8->canonical;

# ---------------------------------------------------------------- a kernel without something

# The numbers of system calls that the kernel of an older day or a container would not have.
my %arm  = (prctl => 167, seccomp => 277);
my %call = (prctl => 157, seccomp => 317, landlock_create_ruleset => 444, landlock_restrict_self => 446);
%call = (%call, %arm) if $Config{archname} =~ /aarch64/;

# Becomes a process to which the kernel says "no such call" for this one.
sub without {
    my ($name) = @_;
    my $bpf = join '', map { pack 'S C C L', @$_ }
        [0x20, 0, 0, 0],                        # the number
        [0x15, 0, 1, $call{$name}],             # is it that one?
        [0x06, 0, 0, 0x00050000 | POSIX::ENOSYS()],
        [0x06, 0, 0, 0x7fff0000];
    my $program = pack 'S x![P] P', length($bpf) / 8, $bpf;
    syscall($call{prctl}, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!";
    syscall($call{prctl}, 22, 2, $program, 0, 0) == 0 or die "seccomp: $!";
}

# run(\%env, $without, @command): exit status (or -signal) and all that was said
sub run {
    my ($env, $without, @command) = @_;
    my $file = "$dir/said";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', $file and open STDERR, '>&', \*STDOUT or POSIX::_exit(98);
        delete $ENV{RENDER_SANDBOX};
        %ENV = (%ENV, %$env);
        without($without) if $without;
        exec @command or POSIX::_exit(99);
    }
    waitpid $pid, 0;
    return ($? & 127 ? -($? & 127) : $? >> 8, slurp($file));
}

# ---------------------------------------------------------------- the self-test

my @refused = ('connect by TCP', 'send by UDP', 'connect to a unix socket', 'start a program', 'start a process',
    'signal its parent', 'trace its parent', 'read its parent\'s memory', 'open its parent\'s memory',
    'open its parent\'s environment', 'read a file of the system', 'list a folder', 'make a file',
    'open a file for writing', 'make a folder', 'execute what it has written', 'make a namespace', 'set up an io_uring',
    'outlive its parent');
my @possible = ('have a thread', 'write what it is lent', 'have memory', 'draw a text');

# { what => how } of its lines
sub verdicts {
    my @lines = grep { !/render-worker\[/ } split /\n/, $_[0];
    return { map { /\A(ok|NOT \w+)\s+(.+)\z/ ? ($2 => $1) : () } @lines };
}

subtest 'the self-test' => sub {
    my ($code, $said) = run({ RENDER_STORAGE => "file://$dir" }, undef, $worker, '--self-test');
    is $code, 0, 'passes' or diag $said;
    is_deeply verdicts($said), { map { $_ => 'ok' } @refused, @possible }, 'each line is ok';

    ($code, $said) = run({ RENDER_STORAGE => "file://$dir" }, undef, 'perl', '-e', '$SIG{CHLD} = "IGNORE"; exec @ARGV', $worker,
        '--self-test');
    is $code, 0, 'also where who starts it takes no notice of children' or diag $said;

    # what would not be refused without the sandbox is not proven by being refused with it
    ($code, $said) = run({ RENDER_SANDBOX => 'off' }, undef, $worker, '--self-test');
    is $code, 1, 'without the sandbox it fails';
    my $v = verdicts($said);
    is_deeply [grep { $v->{$_} ne 'ok' } @possible], [], 'where all is possible that must be';
    # namespaces and rings are refused by many a container and kernel, too
    my @others = grep { $v->{$_} ne 'NOT refused' && !/namespace|io_uring/ } @refused;
    if ($> == 0) { is_deeply \@others, [], 'and all that must not be' }
    else         { note "refused without the sandbox: @others" }

    # each layer alone: what the other would refuse is left, and nothing else
    ($code, $said) = run({ RENDER_SANDBOX => 'seccomp' }, undef, $worker, '--self-test');
    is $code, 1, 'with seccomp alone it fails';
    $v = verdicts($said);
    is $v->{'read a file of the system'}, 'NOT refused', 'for files can be read';
    my @left = grep { $v->{$_} ne 'ok' } @refused, @possible;
    is_deeply [grep { !/^read a file|^list a folder|^open its parent/ } @left], [], 'and nothing else can be done';
    ($code, $said) = run({ RENDER_SANDBOX => 'landlock' }, undef, $worker, '--self-test');
    is $code, 1, 'with Landlock alone as well';
    $v = verdicts($said);
    is $v->{'send by UDP'}, 'NOT refused', 'for the network is there';
    is_deeply [grep { $v->{$_} ne 'ok' } grep { /file|folder|parent's|program/ } @refused, @possible], [], 'but no file is';

    ($code, $said) = run({ RENDER_SANDBOX => 'Off' }, undef, $worker, '--self-test');
    is $code, 2, 'a word that nobody knows is refused';
    like $said, qr/RENDER_SANDBOX must be on, landlock, seccomp or off, not "Off"/, 'and told what there is';
};

# ---------------------------------------------------------------- a worker on another kernel

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;

# Starts a worker beside the stack's; what it has said once it has ended or works.
sub start_worker {
    my ($without, %env) = @_;
    my $env  = $s->env;
    my $file = "$dir/worker.log";
    spew($file, '');
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDERR, '>>', $file or POSIX::_exit(98);
        open STDOUT, '>&', \*STDERR;
        delete $ENV{RENDER_SANDBOX};
        my %own = (DATABASE_URL => $env->{DATABASE_URL_WORKER}, REDIS_URL => $env->{REDIS_URL},
            $s->storage_env, RENDER_SLOTS => 1);
        %ENV = (%ENV, %own, %env);
        without($without) if $without;
        exec $worker or POSIX::_exit(99);
    }
    my $ended;
    wait_until(sub { $ended = waitpid($pid, POSIX::WNOHANG()) == $pid; $ended || slurp($file) =~ /worker \S+: \d+ slots/ }, 20,
        'a worker that works, or does not');
    my $code = $?;
    if (!$ended) {
        kill TERM => $pid;
        waitpid $pid, 0;
        $code = $?;
    }
    return ($ended ? 'refused' : 'works', $code, slurp($file));
}

subtest 'a kernel without Landlock' => sub {
    my ($how, $code, $said) = start_worker('landlock_create_ruleset');
    is $how, 'refused', 'the worker does not start';
    is $code >> 8, 2, 'and its status says so';
    like $said, qr/error: this kernel gives us no Landlock \(Function not implemented\): not starting.*RENDER_SANDBOX/,
        'it names what is missing';
    ($how, $code, $said) = start_worker('landlock_create_ruleset', RENDER_SANDBOX => 'on');
    is $how, 'refused', 'also where it is said to be on';
    ($how, $code, $said) = start_worker('landlock_create_ruleset', RENDER_SANDBOX => 'seccomp');
    is "$how $code", 'works 0', 'with seccomp alone it starts when it is told to' or diag $said;
    like $said, qr/warn: RENDER_SANDBOX=seccomp: files of strangers are read without Landlock/, 'and tells so';
};

subtest 'a kernel without seccomp' => sub {
    my ($how, $code, $said) = start_worker('seccomp');
    is $how, 'refused', 'the worker does not start';
    like $said, qr/error: this kernel gives us no seccomp filters \(Function not implemented\): not starting/,
        'it names what is missing';
    ($how, $code, $said) = start_worker('seccomp', RENDER_SANDBOX => 'landlock');
    is "$how $code", 'works 0', 'with Landlock alone it starts when it is told to' or diag $said;
    ($how, $code, $said) = start_worker('seccomp', RENDER_SANDBOX => 'off');
    is "$how $code", 'works 0', 'and with nothing';
    like $said, qr/warn: RENDER_SANDBOX=off: files of strangers are read WITHOUT A SANDBOX/, 'which it says loudly';
};

subtest 'a sandbox that does not hold' => sub {
    my ($how, $code, $said) = start_worker('landlock_restrict_self');
    is $how, 'refused', 'the worker does not start';
    like $said, qr/error: the sandbox does not hold: a child cannot be confined: Landlock: Function not implemented/,
        'for it has tried';
    is +(run({}, 'landlock_restrict_self', $worker, '--self-test'))[0], 1, 'as does the self-test';
};

subtest 'the command' => sub {
    # Thai is written without spaces: where its lines break is known by a dictionary
    my $thai = JSON::PP->new->utf8->allow_nonref->decode('"สวัสดีชาวโลกภาษาไทยเป็นภาษาที่สวยงามมาก"');
    spew("$dir/text.json", $json->encode({ timeline => { width => 320, height => 240, fps => 10, tracks => [ { clips => [
        { asset => { type => 'text', text => $thai, font => { size => 32 } }, width => 200, duration => 0.3 } ] } ] } }));
    my @compose = ("$build/render", 'compose', "$dir/text.json", '-o', "$dir/text.mp4");
    my ($code, $said) = run({}, undef, @compose);
    is $code, 0, 'makes a film' or diag $said;
    unlike $said, qr/Landlock|seccomp/, 'and has nothing to say of its sandbox';
    my $film = slurp("$dir/text.mp4");
    ($code, $said) = run({}, 'landlock_create_ruleset', @compose);
    is $code, 0, 'without Landlock as well';
    is scalar(() = $said =~ /no Landlock/g), 1, 'after it has said so, once' or diag $said;
    ok slurp("$dir/text.mp4") eq $film, 'the same film';
    ($code, $said) = run({ RENDER_SANDBOX => 'on' }, 'landlock_create_ruleset', @compose);
    is $code, 1, 'but not where it is said to be on';
    ($code, $said) = run({}, 'landlock_restrict_self', @compose);
    is $code, 1, 'nor where a child cannot enter it';
    like $said, qr/the sandbox cannot be entered: Landlock: Function not implemented/, 'and it says so';
    ($code, $said) = run({ RENDER_SANDBOX => 'off' }, undef, @compose);
    is $code, 0, 'and where it is said to be off';
    ok slurp("$dir/text.mp4") eq $film, 'it is the same film again';
};

# ---------------------------------------------------------------- stages in it

# Field => value of /proc/PID/status
sub status_of { return { slurp("/proc/$_[0]/status") =~ /^(\w+):\s*(.*)$/mg } }

subtest 'a child at work' => sub {
    my $asset = heavy_asset($s, $u, 6);
    my $job   = submit($s, $u, film(asset => $asset, seconds => 6));
    my ($child) = mid_render($s, $job);
    freeze($child);
    my $status = status_of($child);
    is $status->{Seccomp}, 2, 'has a filter of its calls';
    is $status->{NoNewPrivs}, 1, 'and can gain nothing';
    my ($files) = slurp("/proc/$child/limits") =~ /^Max open files\s+(\d+)/m;
    my @open = map { m{(\d+)\z} } glob "/proc/$child/fd/*";
    cmp_ok $files, '<', 128, 'few descriptors' or diag "@open";
    is_deeply [grep { /socket/ } map { readlink("/proc/$child/fd/$_") // '' } @open], [], 'none of which is a socket';
    is slurp("/proc/$child/environ") =~ s/\0//gr, '', 'and no environment';
    my ($zygote) = grep { render_children($s) && (slurp("/proc/$_/task/$_/children") =~ /\b$child\b/) } helpers($s);
    is status_of($zygote)->{Seccomp}, 0, 'who forks it is not confined' if $zygote;
    thaw($child);
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'it ends well';
};

my @texts = ('Hello, Wörld', 'Привет мир', 'שלום עולם', 'مرحبا بالعالم', 'नमस्ते दुनिया', 'สวัสดีชาวโลก',
    '你好世界', '안녕 세계', 'ქართული', '👩‍👩‍👧 ok');
my $clip  = $s->upload($u->{token}, make_media('sandbox.mp4', qw(-f lavfi -i testsrc2=size=160x120:rate=25:duration=2
    -f lavfi -i sine=duration=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac)));
my $still = $s->upload($u->{token}, make_media('sandbox.png', qw(-f lavfi -i testsrc2=size=120x200 -frames:v 1)));

subtest 'every stage works in it' => sub {
    my @tracks = ({ clips => [map { { asset => { type => 'text', text => JSON::PP->new->utf8->allow_nonref->decode(qq{"$_"}) },
        duration => 0.2 } } @texts] }, { clips => [ { asset => { type => 'video', src => "asset:$clip->{id}" }, duration => 1.5 },
        { type => 'transition', transition_type => 'fade', duration => 0.2 },
        { asset => { type => 'image', src => "asset:$still->{id}" }, duration => 0.7 } ] });
    for my $outputs ([map { { format => $_ } } qw(mp4 webm mov gif mp3 m4a wav jpg)],
        [{ format => 'mp4' }, { format => 'png' }, { format => 'png-sequence' }, { format => 'sprite' },
            { format => 'hls', renditions => [ {} ] }])
    {
        my @formats = map { $_->{format} } @$outputs;
        my %timeline = (width => 160, height => 120, fps => 25, tracks => \@tracks);
        my $job = submit($s, $u, { timeline => \%timeline, outputs => $outputs });
        my $end = $s->wait_job($u->{token}, $job);
        is $end->{status}, 'completed', "@formats" or diag explain $end->{error};
        my @all = split /\n/, $s->psql("SELECT kind || ' ' || status || ' ' || attempt FROM render.task WHERE job = '$job'");
        is_deeply [grep { !/ done 1\z/ } @all], [], 'each task at the first attempt';
    }
    is $s->psql("SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM render.task WHERE status = 'done'"),
        'assemble audio package plan preview probe render_segment', 'these have all been done';
};

# ---------------------------------------------------------------- what it ends

subtest 'a child that its sandbox has ended' => sub {
    my $asset = heavy_asset($s, $u, 6);
    my $job   = submit($s, $u, film(asset => $asset, seconds => 6));
    my @children = mid_render($s, $job);
    freeze(@children);
    kill SYS => @children;      # as its filter does
    thaw(@children);
    my $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'failed', 'fails its job';
    is $got->{attempts}, 1, 'at the first attempt: a second would end as this one did';
    like $got->{error}{detail}, qr/render_segment task was ended by its sandbox: it asked for the system call "\w+"/,
        'which says why';
    like $s->log('worker-1'), qr/warn: task \S+: render_segment of job $job failed: .*ended by its sandbox.*"\w+"/,
        'and so does the log';
    is_deeply [temp_files($s)], [], 'no temporary file is left';
};

$s->stop;
done_testing;
