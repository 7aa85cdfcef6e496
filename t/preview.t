# Pictures before there is a film: the preview and the poster of a job, BlurHash in events, jobs
# and assets, what a retry does to them, and a film that comes without.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Render::Test;
use Render::Test::Faults;
use Render::Test::Problem;
use Test::More;

my $hash = qr/\A[LT][0-9A-Za-z#\$%*+,\-.:;=?@\[\]^_{|}~]{27}\z/;

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $dir = tempdir(CLEANUP => 1);

sub get { $s->req(GET => $_[0], token => $u->{token}) }

# The file behind a result, which a link leads to.
sub result {
    my ($job, $name) = @_;
    my $r = get("/results/$job/$name");
    is $r->{status}, 302, "$name is there" or return diag $r->{body};
    $r = $s->req(GET => $r->{headers}{location});
    is $r->{status}, 200, "$name is had";
    open my $out, '>:raw', "$dir/$job-$name" or die $!;
    print {$out} $r->{body};
    close $out or die $!;
    return ("$dir/$job-$name", $r);
}

# The mean colour of a picture, or of a frame of a film (which is in bt.709, as a JPEG is in bt.601).
sub colour {
    my ($file, $frame) = @_;
    my $matrix = defined $frame ? "select=eq(n\\,$frame),scale=in_color_matrix=bt709," : '';
    my $rgb = `ffmpeg -nostdin -v error -i '$file' -vf '${matrix}format=rgb24,scale=1:1:flags=area' -frames:v 1 -f rawvideo -pix_fmt rgb24 -`;
    return unpack 'C3', $rgb;
}

sub is_colour {
    my ($got, $want, $what) = @_;
    my ($worst) = sort { $b <=> $a } map { abs $got->[$_] - $want->[$_] } 0 .. 2;
    cmp_ok $worst, '<=', 5, $what or diag "@$got, not @$want";
}

sub color { { asset => { type => 'color', color => $_[0] }, duration => $_[1] } }

my $clip = make_media('preview.mp4', qw(-f lavfi -i testsrc2=size=320x240:rate=25:duration=4 -c:v libx264 -preset ultrafast
    -pix_fmt yuv420p));
my $asset = $s->upload($u->{token}, $clip);
my $still = $s->upload($u->{token}, make_media('preview.png', qw(-f lavfi -i testsrc2=size=120x200 -frames:v 1)));
my $sound = $s->upload($u->{token}, make_media('preview.wav', qw(-f lavfi -i sine=duration=1)));

subtest 'assets' => sub {
    my %seen;
    for my $id (map { $_->{id} } $asset, $still, $sound) {
        $seen{$id} = wait_until(sub { my $a = get("/videos/$id")->{json}; $a->{status} eq 'ready' && $a }, 20, 'the probe');
        ok !exists $seen{$id}{probe}{blurhash}, 'the hash stands in one place';
    }
    like $seen{ $asset->{id} }{blurhash}, $hash, 'a video has a hash';
    like $seen{ $asset->{id} }{blurhash}, qr/\AL/, 'that lies';
    like $seen{ $still->{id} }{blurhash}, qr/\AT/, 'that of a high picture stands';
    is $seen{ $sound->{id} }{blurhash}, undef, 'a sound has none';
};

subtest 'in time' => sub {
    my @main = ({ asset => { type => 'video', src => $asset->{src} }, duration => 2 }, color('#c03060', 1), color('#3060c0', 2));
    my $film = { title => 'In time', poster => { time => '90f' },
        timeline => { width => 1280, height => 720, fps => 25, tracks => [ { clips => \@main } ] } };
    my $job = submit($s, $u, $film);
    my @events;
    my $got = $s->wait_job($u->{token}, $job, events => \@events);
    is $got->{status}, 'completed', 'the film is rendered';

    my ($at) = grep { $events[$_]{type} eq 'preview' } 0 .. $#events;
    ok defined $at, 'there is an event of the preview' or diag join ' ', map { $_->{type} } @events;
    cmp_ok $at, '<', $#events, 'before the end';
    is scalar(grep { $_->{type} eq 'preview' } @events), 1, 'once';
    my $e = $events[$at];
    is $e->{preview_url}, "/results/$job/preview.jpg", 'which says where it is';
    like $e->{blurhash}, $hash, 'and what it looks like';
    is $e->{stage}, 'preview', 'and what it is the end of';
    is $e->{status}, 'processing', 'while the job goes on';
    is_deeply [grep { defined $_->{preview_url} || defined $_->{blurhash} } @events[0 .. $at - 1]], [], 'not before';
    is_deeply [grep { ($_->{preview_url} || '') ne $e->{preview_url} || ($_->{blurhash} || '') ne $e->{blurhash} }
        @events[$at .. $#events]], [], 'both stay in every later event';
    like $events[$at]{step}, qr{\A\d+/$got->{segments}{total}\z}, 'the steps count segments alone';

    is $got->{preview_url}, $e->{preview_url}, 'the job tells the place';
    is $got->{blurhash}, $e->{blurhash}, 'and the hash';
    is_deeply $got->{warnings}, [], 'and has no warnings';
    is_deeply [sort keys %{ $got->{results} }], [qw(final poster.jpg preview.jpg)], 'it has a film and two pictures';
    is $got->{results}{'poster.jpg'}{url}, "/results/$job/poster.jpg", 'with their links';
    is $got->{results}{'poster.jpg'}{content_type}, 'image/jpeg', 'and types';
    my $late = $s->ws("/ws/progress/$job", token => $u->{token});
    my $snapshot = decode_json($late->next_message(10)->{payload});
    is $snapshot->{preview_url}, $e->{preview_url}, 'who comes late is told as well';
    is $snapshot->{blurhash}, $e->{blurhash}, 'all of it';
    $late->close;

    my ($preview, $r) = result($job, 'preview.jpg');
    is $r->{headers}{'content-type'}, 'image/jpeg', 'it is a JPEG';
    is length $r->{body}, $got->{results}{'preview.jpg'}{bytes}, 'as long as was told';
    my ($poster) = result($job, 'poster.jpg');
    my ($final) = result($job, 'final');
    my ($p) = @{ ffprobe($preview)->{streams} };
    is "$p->{codec_name} $p->{width}x$p->{height}", 'mjpeg 640x360', 'the preview is small';
    ($p) = @{ ffprobe($poster)->{streams} };
    is "$p->{codec_name} $p->{width}x$p->{height}", 'mjpeg 1280x720', 'the poster is not';
    is_colour [colour($preview)], [colour($final, 0)], 'the preview is the first frame';
    is_colour [colour($poster)], [0x30, 0x60, 0xc0], 'the poster is of the time that was asked for';
    is_colour [colour($poster)], [colour($final, 90)], 'as the film shows it';

    my $made = get("/compositions/$got->{subject}")->{json};
    is get("/videos/$made->{output_asset}")->{json}{blurhash}, $e->{blurhash}, 'the film has the hash, too';
    completed_once($s, $job, 'in time');

    # All that it needs is stored; the pictures come all the same.
    $job = submit($s, $u, { %$film, poster => { time => 2 }, blurhash => JSON::PP::false });
    $got = $s->wait_job($u->{token}, $job, events => \@events);
    is_deeply [keys %{ $got->{segments}{by_mode} }], ['reuse'], 'another poster renders no segment';
    is_colour [colour((result($job, 'poster.jpg'))[0])], [0xc0, 0x30, 0x60], 'but is another';
    is $got->{blurhash}, undef, 'who wants no hash has none';
    is $got->{preview_url}, "/results/$job/preview.jpg", 'but pictures';

    $job = submit($s, $u, { %$film, poster => { time => 5 } });
    $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'failed', 'a poster behind the end';
    is $got->{error}{errors}[0]{pointer}, '/poster/time', 'is pointed at';
    is_deeply $got->{results}, {}, 'and there are no pictures';
    is_problem $s->req(POST => '/compositions', token => $u->{token}, json => { %$film, poster => { tim => 5 } }),
        422, 'a poster with a slip of the pen', pointer => '/poster/tim';
};

subtest 'while it renders, through a flush, and again' => sub {
    my $heavy = heavy_asset($s, $u, 12);
    my $job = submit($s, $u, film(asset => $heavy, seconds => 12));
    wait_until(sub { get("/jobs/$job")->{json}{preview_url} }, 20, 'the preview');
    my @children = mid_render($s, $job);
    freeze(@children);

    my $got = get("/jobs/$job")->{json};
    is $got->{status}, 'processing', 'the film is not there';
    is get("/results/$job/final")->{status}, 409, 'and not to be had';
    my ($preview) = result($job, 'preview.jpg');
    result($job, 'poster.jpg');
    is get("/results/$job/poster.png")->{status}, 409, 'what may still come is not refused';
    my $old = $s->psql("SELECT results->'preview.jpg'->>'key' FROM render.job WHERE id = '$job'");
    ok $s->object_size($old), 'it lies where the job says';

    # Redis forgets it; the next that SQL tells has it again.
    $s->redis('FLUSHALL');
    thaw(@children);
    my $doc = decode_json(wait_until(
        sub { $s->redis('HGET', "progress:$job", 'preview') && $s->redis('HGET', "progress:$job", 'doc') },
        60, 'an event of SQL'
    ));
    is $doc->{preview_url}, "/results/$job/preview.jpg", 'what follows a flush of Redis tells of the preview again';
    is $doc->{blurhash}, $got->{blurhash}, 'and has its hash';

    my $r = $s->req(POST => "/jobs/$job/cancel", token => $u->{token});
    is $r->{status}, 200, 'it is cancelled' or diag $r->{body};
    is get("/jobs/$job")->{json}{preview_url}, "/results/$job/preview.jpg", 'a cancelled job keeps its pictures';
    is get("/results/$job/preview.jpg")->{status}, 302, 'to be had';

    $s->stack(qw(stop worker));
    $r = $s->req(POST => "/jobs/$job/retry", token => $u->{token});
    is $r->{status}, 202, 'it is tried again';
    is $r->{json}{preview_url}, undef, 'the pictures of the first run are not those of the second';
    is $r->{json}{blurhash}, undef, 'nor is the hash';
    is get("/results/$job/preview.jpg")->{status}, 409, 'they are not rendered yet';
    $s->stack(qw(start worker));

    my @events;
    $got = $s->wait_job($u->{token}, $job, events => \@events);
    is $got->{status}, 'completed', 'it is completed';
    my ($at) = grep { $events[$_]{type} eq 'preview' } 0 .. $#events;
    ok defined $at, 'with a preview of its own';
    is_deeply [grep { $_->{run} == 2 && defined $_->{preview_url} } @events[0 .. $at - 1]], [], 'not told of before';
    my $new = $s->psql("SELECT results->'preview.jpg'->>'key' FROM render.job WHERE id = '$job'");
    like $new, qr{\Aoutputs/$job/2-\d+/preview\.jpg\z}, 'which is new';
    is_colour [colour((result($job, 'preview.jpg'))[0])], [colour($preview)], 'and shows the same';
    ok wait_until(sub { !$s->has_object($old) }, 5, 'the end of the old one'), 'the old one is gone';
    completed_once($s, $job, 'again');
};

subtest 'an end that is told twice' => sub {
    # The answer to the first may have been lost on its way: what was made must stay.
    my $job = submit($s, $u, film(seconds => 1));
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'a film';
    for my $kind (qw(preview assemble)) {
        my ($worker, $task, $fence) = split /\|/, $s->psql("SELECT worker, id, fence FROM render.task WHERE job = '$job' AND kind = '$kind'");
        for my $f ($fence, $fence - 1) {
            my ($code, $out, $err) = psql_as($s, 'WORKER', "SELECT render_work.finish('$worker', '$task', $f, '{}', NULL)");
            is $code, 0, "$kind, claim $f" or diag $err;
            is decode_json($out)->{accepted}, $f == $fence ? JSON::PP::true : JSON::PP::false,
                $f == $fence ? 'is taken as it was' : 'is not that of a claim before';
        }
    }
    completed_once($s, $job, 'told twice');
};

subtest 'a film without pictures' => sub {
    my $film = { timeline => { width => 320, height => 240, fps => 25, tracks => [
        { clips => [ { asset => { type => 'video', src => $asset->{src} }, in_point => 1, duration => 2 } ] } ] } };
    my $job = submit($s, $u, $film);
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'a film';

    # Its segments are stored, its source is lost: the film can be made, its pictures cannot.
    my $key = $s->psql("SELECT storage_key FROM render.asset WHERE id = '$asset->{id}'");
    $s->drop_object($key);
    $job = submit($s, $u, $film);
    my @events;
    my $got = $s->wait_job($u->{token}, $job, events => \@events);
    is $got->{status}, 'completed', 'the film comes';
    is $got->{percent}, 100, 'all of it';
    is $got->{preview_url}, undef, 'without a preview';
    is $got->{blurhash}, undef, 'or a hash';
    is_deeply [keys %{ $got->{results} }], ['final'], 'the results are the film alone';
    is scalar @{ $got->{warnings} }, 1, 'the job warns';
    is $got->{warnings}[0]{stage}, 'preview', 'of that';
    is $got->{warnings}[0]{code}, 'input', 'by the code of its cause';
    like $got->{warnings}[0]{detail}, qr/no preview: an input cannot be read/, 'and in words';
    is $got->{error}, undef, 'it is no error';
    is_deeply [grep { $_->{type} eq 'preview' } @events], [], 'no event tells of a preview';
    is get("/results/$job/preview.jpg")->{status}, 404, 'there is none to be had';
    is -s((result($job, 'final'))[0]), $got->{results}{final}{bytes}, 'the film is whole';

    # Where segments need the source, it is they that say why.
    $film->{timeline}{tracks}[0]{clips}[0]{in_point} = 1.5;
    $got = $s->wait_job($u->{token}, submit($s, $u, $film));
    is $got->{status}, 'failed', 'a film that cannot be made';
    is $got->{error}{stage}, 'render_segment', 'fails for its own reason';
    is $got->{error}{code}, 'input', 'which is the source';
};

$s->stop;
done_testing;
