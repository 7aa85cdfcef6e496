# Storage loses, damages and refuses files: what can be made again is made again, what cannot is
# said in plain words, and nothing half written stays.

use strict;
use warnings;

use lib 't/lib';
use Render::Test;
use Render::Test::Faults;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $clip = make_media('clip.mp4', qw(-f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=frequency=440
    -t 24 -c:v libx264 -preset ultrafast -g 60 -pix_fmt yuv420p -c:a aac));
my $asset = $s->upload($u->{token}, $clip);

# Pictures over sound, so that there are segments of both.
sub with_sound {
    my ($seconds) = @_;
    my $film = film(asset => $asset, seconds => $seconds);
    $film->{timeline}{width}  = 320;
    $film->{timeline}{height} = 180;
    push @{ $film->{timeline}{tracks} }, { kind => 'audio',
        clips => [{ asset => { type => 'audio', src => "asset:$asset->{id}" }, duration => $seconds }] };
    return $film;
}

sub segments {
    my ($job, $track) = @_;
    return split /\n/, $s->psql('SELECT s.storage_key FROM render.job_segment js'
        . " JOIN render.segment s USING (scope, key) WHERE js.job = '$job' AND js.track = '$track' ORDER BY js.number");
}

sub rendered {
    my ($job) = @_;
    return $s->psql("SELECT count(*) FROM render.job_segment js JOIN render.job j ON j.id = js.job AND j.run = js.run"
        . " WHERE js.job = '$job' AND js.mode = 'render'");
}

my $film = with_sound(24);
my $first = submit($s, $u, $film);
is $s->wait_job($u->{token}, $first)->{status}, 'completed', 'a first film';
film_is($s, $u, $first, 24, 'the first film');
my @video = segments($first, 'video');
my @sound = segments($first, 'sound');
cmp_ok scalar @video, '>', 2, 'it has segments';
cmp_ok scalar @sound, '>', 0, 'and sound';

# How large a file a process and its children may write, for good; only its own user may say so.
sub limit {
    my ($pid, $bytes) = @_;
    open my $in, '<', "/proc/$pid/status" or die $!;
    my $status = do { local $/; <$in> };
    my ($uid) = $status =~ /^Uid:\s+(\d+)/m;
    my ($gid) = $status =~ /^Gid:\s+(\d+)/m;
    my @user = $> == 0 ? ('setpriv', '--reuid', $uid, '--regid', $gid, '--clear-groups', '--') : ();
    my ($code, undef, $err) = Render::Test::_run({}, @user, 'prlimit', "--fsize=$bytes:$bytes", '--pid', $pid);
    return ($code, $err);
}

my %damage = (
    'deleted'              => sub { $s->drop_object($_[0]) },
    'truncated'            => sub { $s->put_object($_[0], substr $_[1], 0, int(length($_[1]) / 2)) },
    'emptied'              => sub { $s->put_object($_[0], '') },
    'overwritten at start' => sub { $s->put_object($_[0], "\xa5" x 4096 . substr $_[1], 4096) },
    'another segment'      => sub { $s->put_object($_[0], substr $s->object($video[2]), 0, -100) },
);

my $control = submit($s, $u, $film);
is $s->wait_job($u->{token}, $control)->{status}, 'completed', 'the same film again';
is rendered($control), 0, 'is made of what storage holds';

for my $how (sort keys %damage) {
    subtest "a segment is $how" => sub {
        $damage{$how}->($video[1], $s->object($video[1]));
        my $job = submit($s, $u, $film);
        is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the next film of it is completed'
            or diag explain $s->req(GET => "/jobs/$job", token => $u->{token})->{json}{error};
        is rendered($job), 1, 'with that segment rendered again';
        completed_once($s, $job, $how);
        film_is($s, $u, $job, 24, $how);
        $job = submit($s, $u, $film);
        is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'one more';
        is rendered($job), 0, 'uses it again';
    };
}

subtest 'sound is deleted, and so are several segments' => sub {
    $s->drop_object($_) for $sound[0], $video[0], $video[-1];
    my $job = submit($s, $u, $film);
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the next film of it is completed';
    is rendered($job), 3, 'with what was missing made again';
    film_is($s, $u, $job, 24, 'several');
};

subtest 'an input is gone' => sub {
    my $other = $s->upload($u->{token}, make_media('gone.mp4',
        qw(-f lavfi -i testsrc=size=128x72:rate=30 -t 2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p)));
    wait_until(sub { $s->req(GET => "/videos/$other->{id}", token => $u->{token})->{json}{status} eq 'ready' }, 10);
    my $key = $s->psql("SELECT storage_key FROM render.asset WHERE id = '$other->{id}'");
    $s->drop_object($key);
    my $job = submit($s, $u, film(asset => $other, seconds => 2));
    my $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'failed', 'the job fails';
    is $got->{attempts}, 1, 'without trying what cannot help';
    like $got->{error}{detail}, qr/input.*storage/, 'and says why';
    unlike $got->{error}{detail}, qr{/|inputs}, 'with no path of the server in it';
    diag $got->{error}{detail};
};

subtest 'an upload is gone before its probe' => sub {
    $s->stack(qw(stop worker));
    my $other = $s->upload($u->{token}, make_media('gone2.mp4',
        qw(-f lavfi -i testsrc=size=128x72:rate=30 -t 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p)));
    my $key = $s->psql("SELECT storage_key FROM render.asset WHERE id = '$other->{id}'");
    $s->drop_object($key);
    my $job = submit($s, $u, film(asset => $other, seconds => 1));
    $s->stack(qw(start worker));
    my $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'failed', 'what waited for it fails';
    ok $got->{error}{detail}, 'and says why';
    diag $got->{error}{detail};
    is $s->req(GET => "/videos/$other->{id}", token => $u->{token})->{json}{status}, 'failed', 'so does the asset';
};

subtest 'storage cannot be written to, and is mended' => sub {
    my $mode = (stat +($s->temp_folders)[0])[2] & 07777;
    chmod 0500, $s->temp_folders;
    my $job = submit($s, $u, film(seconds => 1));
    ok wait_until(sub { $s->log('worker-1') =~ /failed: storage cannot be written to/ }, 10), 'an attempt fails';
    is $s->req(GET => "/jobs/$job", token => $u->{token})->{json}{status}, 'processing', 'the job does not yet';
    my $r = $s->req(POST => '/videos/upload?filename=a.bin', token => $u->{token}, body => 'x' x 1000);
    is $r->{status}, 503, 'an upload is refused';
    like $r->{headers}{'content-type'}, qr{^application/problem\+json}, 'with problem+json';
    is $s->req(GET => '/health')->{status}, 200, 'nginx lives';
    chmod $mode, $s->temp_folders;
    my $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'completed', 'mended, the job is completed';
    cmp_ok $got->{attempts}, '>', 1, 'in a later attempt';
    completed_once($s, $job, 'mended');
};

subtest 'storage cannot be written to for good' => sub {
    my $mode = (stat +($s->temp_folders)[0])[2] & 07777;
    chmod 0500, $s->temp_folders;
    my $job = submit($s, $u, film(seconds => 1));
    my $got = $s->wait_job($u->{token}, $job);
    chmod $mode, $s->temp_folders;
    is $got->{status}, 'failed', 'the job fails';
    is $got->{attempts}, 3, 'after three attempts';
    like $got->{error}{detail}, qr/storage cannot be written to: Permission denied/, 'and says why';
    is $s->req(POST => "/jobs/$job/retry", token => $u->{token})->{status}, 202, 'tried again by a person';
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'it is completed';
};

subtest 'the result cannot be put in its place' => sub {
    # The temporary file can be made and written, its name cannot be given.
    plan skip_all => 't/s3/faults.t has what S3 refuses' if $s->s3;
    my $outputs = $s->stored_at('outputs');
    my @stat = stat $outputs or die $!;
    chmod 0500, $outputs;
    my $job = submit($s, $u, film(seconds => 1));
    ok wait_until(sub { $s->psql("SELECT count(*) FROM render.task WHERE job = '$job' AND kind = 'assemble' AND error IS NOT NULL") }, 30),
        'the assembly fails';
    is_deeply [temp_files($s)], [], 'its temporary file is removed';
    chmod $stat[2] & 07777, $outputs;
    my $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'completed', 'mended, the job is completed';
    is $got->{warnings}[0]{attempts}, 3, 'without the preview, which had three attempts';
    like $got->{warnings}[0]{detail}, qr/no preview: storage cannot be written to/, 'and the job says so';
    completed_once($s, $job, 'outputs', 'preview');
};

subtest 'no room for what a child writes' => sub {
    # A limit on the size of files stands for a full disk: the child inherits it from the zygote.
    my ($zygote) = helpers($s);
    my ($code, $err) = limit($zygote, 4096);
    plan skip_all => $err if $code;
    my $job = submit($s, $u, with_sound(4));
    ok wait_until(sub { $s->psql("SELECT count(*) FROM render.task WHERE job = '$job' AND error IS NOT NULL") }, 10),
        'a task fails';
    diag $s->psql("SELECT DISTINCT error->>'text' FROM render.task WHERE job = '$job' AND error IS NOT NULL");
    is_deeply [temp_files($s)], [], 'its temporary file is removed' if !render_children($s);
    $s->stack(qw(restart worker));
    my $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'completed', 'with room again, the job is completed';
    completed_once($s, $job, 'room');
    is_deeply [temp_files($s)], [], 'no temporary file is left';
};

$s->stop;
done_testing;
