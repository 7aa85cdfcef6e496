# The path of a film, from signing up to the file: every station once, as a client walks it.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Test::More;
use Time::Local qw(timegm);

use Render::Test;
use Render::Test::Elsewhere;
use Render::Test::Problem;
use Render::Test::Files;

my $uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
my $time = qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/;

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');


# ---------------------------------------------------------------- the account

my $email = 'Ada@example.test';
my $r = $s->req(POST => '/auth/signup', json => { email => $email, password => 'correct horse' });
is $r->{status}, 201, 'signing up';
is $r->{json}{token_type}, 'bearer', 'the kind of token';
is $r->{json}{expires_in}, 86_400, 'its life';
like $r->{json}{account}{id}, qr/\A$uuid\z/, 'the account has an id';
is $r->{json}{account}{email}, $email, 'the account has its address';
unlike $r->{body}, qr/password|hash/, 'no password in the answer';
is $r->{headers}{'cache-control'}, 'private, no-store', 'the answer is not to be kept';
is $r->{headers}{'x-content-type-options'}, 'nosniff', 'nor to be guessed at';
my $account = $r->{json}{account}{id};

is_problem $s->req(POST => '/auth/register', json => { email => lc $email, password => 'correct horse' }),
    409, 'one address, one account, whatever the case';

$r = $s->req(POST => '/auth/login', json => { email => uc $email, password => 'correct horse' });
is $r->{status}, 200, 'signing in';
is $r->{json}{account}{id}, $account, 'as oneself';
is $r->{headers}{'set-cookie'}, undef, 'without a cookie';
my $token = $r->{json}{access_token};

my @wrong = map { $s->req(POST => '/auth/login', json => $_) }
    { email => $email, password => 'incorrect horse' }, { email => 'nobody@example.test', password => 'correct horse' };
is_problem $wrong[0], 401, 'a wrong password';
is_problem $wrong[1], 401, 'an unknown address';
is $wrong[0]{json}{detail}, $wrong[1]{json}{detail}, 'which of the two it was is not told';

is_problem $s->req(POST => '/auth/signup', json => { email => 'no address', password => 'correct horse' }),
    422, 'signing up without an address', pointer => '/email';
is_problem $s->req(POST => '/auth/signup', json => { email => 'b@example.test', password => 'short' }),
    422, 'signing up with a short password', pointer => '/password', detail => qr/8 to 72/;
is_problem $s->req(POST => '/auth/signup', json => { email => 'b@example.test', password => 'x' x 73 }),
    422, 'signing up with one longer than is looked at', pointer => '/password';

$r = $s->req(GET => '/users/me', token => $token);
is $r->{status}, 200, 'my account';
is $r->{json}{id}, $account, 'is mine';
is $r->{json}{role}, 'user', 'is that of a user';
is $r->{json}{used_bytes}, 0, 'stores nothing';
like $r->{json}{created_at}, $time, 'times are RFC 3339';
is_problem $s->req(GET => '/users/me'), 401, 'nobody has no account';


# ---------------------------------------------------------------- uploads

my $clip = make_media('path-clip.mp4', qw(-f lavfi -i testsrc2=size=320x240:rate=25:duration=4
    -f lavfi -i sine=frequency=440:duration=4 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -shortest));
my $voice = make_media('path-voice.wav', qw(-f lavfi -i sine=frequency=220:duration=3));

my $film  = $s->upload($token, $clip, name => 'Ünser Film.mp4', type => 'text/plain');
my $sound = $s->upload($token, $voice);
is $film->{src}, "asset:$film->{id}", 'an upload can be named';
is $film->{status}, 'probing', 'it is looked at';
is $film->{bytes}, -s $clip, 'it is as long as the file';
is $film->{sha256}, sha256_hex(slurp($clip)), 'and the same';
is $film->{content_type}, 'video/mp4', 'its type is what it is, not what it is called';
is $film->{filename}, "\x{dc}nser Film.mp4", 'its name is kept';
is $sound->{kind}, 'audio', 'a sound is a sound';

my $probed = wait_until(sub {
    my $a = $s->req(GET => "/videos/$film->{id}", token => $token)->{json};
    $a->{status} eq 'ready' && $a;
}, 20, 'the probe');
is $probed->{probe}{video}{width}, 320, 'its width was found';
is $probed->{probe}{duration}, 4, 'its length was found';
is $probed->{probe}{audio}{codec}, 'aac', 'its sound was found';

$r = $s->req(GET => '/videos?limit=1', token => $token);
is $r->{json}{items}[0]{id}, $sound->{id}, 'the list begins with the newest';
is scalar @{ $r->{json}{items} }, 1, 'and is as long as was asked';
$r = $s->req(GET => "/videos?limit=1&cursor=$r->{json}{next_cursor}", token => $token);
is $r->{json}{items}[0]{id}, $film->{id}, 'the cursor leads on';
$r = $s->req(GET => "/videos?limit=1&cursor=$r->{json}{next_cursor}", token => $token);
is_deeply $r->{json}, { items => [], next_cursor => undef }, 'to the end';
is $s->req(GET => '/users/me', token => $token)->{json}{used_bytes}, (-s $clip) + (-s $voice), 'what is stored is counted';


# ---------------------------------------------------------------- a composition

# 3 s, and 3 s, which share 0.4 s: 140 frames
my $frames = 140;
my $document = {
    title    => 'One',
    metadata => { order => '42' },
    timeline => {
        width => 320, height => 240, fps => 25,
        tracks => [
            { id => 'main', kind => 'video', clips => [
                { asset => { type => 'video', src => $film->{src} }, in_point => 0, out_point => 3 },
                { type => 'transition', transition_type => 'fade', duration => 0.4 },
                { asset => { type => 'video', src => $film->{src} }, in_point => 1, out_point => 4, volume => '-6dB' } ] },
            { id => 'titles', kind => 'video', clips => [
                { asset => { type => 'text', text => 'Hello' }, start => 0, duration => 2, position => 'bottom' } ] },
            { id => 'voice', kind => 'audio', clips => [
                { asset => { type => 'audio', src => $sound->{src} }, start => 1, fade_out => 1 } ] },
        ],
    },
};

$r = $s->req(POST => '/compositions', token => $token, json => $document);
is $r->{status}, 202, 'a composition is taken';
my ($composition, $job) = @{ $r->{json} }{qw(composition_id job_id)};
is $r->{headers}{location}, "/jobs/$job", 'Location names the job, with no host';
is $r->{headers}{'retry-after'}, 1, 'and when to look';
is_deeply $r->{json}{links}, { job => "/jobs/$job", progress => "/ws/progress/$job",
    events => "/jobs/$job/events", result => "/results/$job/final" }, 'so do the links';

my @events;
my $end = watch($job, \@events);
is $events[0]{type}, 'snapshot', 'the first frame is the state as it is';
is $events[-1]{type}, 'done', 'the last frame is the end';
is $events[-1]{status}, 'completed', 'which is a good one';
is $events[-1]{percent}, 100, 'at 100 %';
is_deeply [grep { $events[$_]{percent} < $events[$_ - 1]{percent} } 1 .. $#events], [], 'percent never runs backwards';
is_deeply [grep { $_->{job_id} ne $job } @events], [], 'the frames are of this job';
is_deeply [grep { $_->{at} !~ $time } @events], [], 'each says when';
is scalar(grep { $_->{type} eq 'done' } @events), 1, 'the end comes once';
ok @events > 3, 'and something before it';
is $end->{code}, 1000, 'then the connection is closed as it should be';

@events = ();
$end = watch($job, \@events);
is_deeply [map { $_->{status} } @events], ['completed'], 'who comes late sees the end at once';
is $end->{code}, 1000, 'and is sent home';
is uc_watch($job), 'completed', 'an id may be written in capitals';

$r = $s->req(GET => "/jobs/$job", token => $token);
is $r->{json}{status}, 'completed', 'the job has ended';
is $r->{json}{legacy_status}, 'FINISHED', 'in older words too';
is $r->{json}{percent}, 100, 'with all done';
is $r->{json}{subject}, $composition, 'it is of the composition';
is $r->{json}{attempts}, 1, 'at the first attempt';
like $r->{json}{ended_at}, $time, 'it says when';
is $r->{json}{error}, undef, 'there is no error';
is $r->{json}{progress}{job_id}, $job, 'the progress is in it';
is $r->{json}{progress}{type}, 'done', 'the newest';
my $total = $r->{json}{segments}{total};
cmp_ok $total, '>=', 2, 'the film is in segments';
is_deeply $r->{json}{segments}{by_mode}, { render => $total }, 'all of them rendered';
is $r->{headers}{'retry-after'}, undef, 'there is no need to come back';
is $s->req(GET => "/status/$job", token => $token)->{json}{id}, $job, 'the older path answers alike';
ok !grep({ $_->{id} eq $job && !defined $_->{percent} } @{ $s->req(GET => '/jobs', token => $token)->{json}{items} }),
    'the list has it';
is scalar(grep { $_->{id} eq $job } @{ $s->req(GET => '/jobs', token => $token)->{json}{items} }), 1, 'once';


# ---------------------------------------------------------------- the film

for my $name (qw(final preview)) {
    $r = $s->req(GET => "/results/$job/$name", token => $token);
    is $r->{status}, 302, "the result $name is elsewhere";
    if ($s->s3) {
        is_elsewhere $r, 'in S3, under a signed link';
        like $r->{headers}{location}, qr{/outputs/$job/1-\d+/final\.mp4\?}, 'as what it is called';
    } else {
        like $r->{headers}{location}, qr{\A/d/\d+\.[0-9a-f]{32}/outputs/$job/1-\d+/final\.mp4\z}, 'under a signed link, with no host';
    }
}
# Where storage is in S3, the link to what lies there; nginx's own are followed below.
my $link = $r->{headers}{location};
is $s->req(HEAD => "/results/$job/final", token => $token)->{status}, 302, 'HEAD finds it too';
is_problem $s->req(GET => "/results/$job/teaser", token => $token), 404, 'a result that is none';

# a link needs no token
$r = $s->req(GET => $link);
is $r->{status}, 200, 'the film';
is $r->{headers}{'content-type'}, 'video/mp4', 'is one';
unless ($s->s3) {
    is $r->{headers}{'accept-ranges'}, 'bytes', 'and can be had in parts';
    is $r->{headers}{'cache-control'}, 'private, max-age=3600', 'it may be kept for a while';
    ok $r->{headers}{'x-request-id'}, 'this answer has its id too';
}
my $bytes = $r->{body};
my $etag  = $r->{headers}{etag};
is length $bytes, $s->req(GET => "/jobs/$job", token => $token)->{json}{results}{final}{bytes}, 'its length is as was told';
like $etag, qr/\A"[^"]+"\z/, 'it has a strong ETag';

SKIP: {
    skip 'a link of S3 is signed for GET alone', 3 if $s->s3;
    $r = $s->req(HEAD => $link);
    is $r->{status}, 200, 'HEAD of the film';
    is $r->{headers}{'content-length'}, length $bytes, 'tells its length';
    ok !length($r->{body} || ''), 'and nothing more';
}
$r = $s->req(GET => $link, headers => { Range => 'bytes=100-199' });
is $r->{status}, 206, 'a part of it';
is $r->{headers}{'content-range'}, 'bytes 100-199/' . length $bytes, 'is that part';
is $r->{body}, substr($bytes, 100, 100), 'byte for byte';
$r = $s->req(GET => $link, headers => { Range => 'bytes=-16' });
is $r->{body}, substr($bytes, -16), 'the end of it';
is $s->req(GET => $link, headers => { Range => 'bytes=99999999-' })->{status}, 416, 'what is behind the end is not there';
$r = $s->req(GET => $link, headers => { 'If-None-Match' => $etag });
is $r->{status}, 304, 'who has it needs no second one';
ok !length($r->{body} || ''), 'and gets none';
is $s->req(GET => $link, headers => { 'If-None-Match' => '"other"' })->{status}, 200, 'who has another one does';
is $s->req(GET => $link, headers => { Range => 'bytes=0-9', 'If-Range' => $etag })->{status}, 206, 'a part of the same';
is $s->req(GET => $link, headers => { Range => 'bytes=0-9', 'If-Range' => '"other"' })->{status}, 200, 'or all of another' unless $s->s3;

my $dir  = tempdir(CLEANUP => 1);
my $file = "$dir/final.mp4";
spew($file, $bytes);
my $probe = ffprobe($file, args => ['-count_frames']);
my ($video) = grep { $_->{codec_type} eq 'video' } @{ $probe->{streams} };
my ($audio) = grep { $_->{codec_type} eq 'audio' } @{ $probe->{streams} };
is $video->{nb_read_frames}, $frames, 'every frame is there and can be decoded';
is "$video->{width}x$video->{height}", '320x240', 'it has the size of the canvas';
is $video->{r_frame_rate}, '25/1', 'and its rate';
ok abs($video->{duration} - $frames / 25) < 0.001, 'the picture lasts as long as it should';
ok abs($audio->{duration} - $frames / 25) < 0.03, 'the sound too';
ok abs($probe->{format}{duration} - $frames / 25) < 0.03, 'and the whole';
is system("ffmpeg -nostdin -v error -xerror -i '$file' -f null - 2>&1 | grep . >&2"), 256, 'nothing in it is broken';


# ---------------------------------------------------------------- links that are not ours

# A link of our own making, by the server's key.
sub signed { return $s->signed_link(@_) }
my ($prefix) = $link =~ m{(outputs/$job/1-\d+)/final\.mp4};
$link = signed(int(time) + 900, $prefix, 'final.mp4') if $s->s3;       # nginx leads from its own to S3
my ($expiry, $mac, $where) = $link =~ m{\A/d/(\d+)\.([0-9a-f]+)/(.*)\z};
ok abs($expiry - time - 900) < 60, 'a link lives for a quarter of an hour';
$r = $s->req(GET => signed(time + 60, $prefix, 'final.mp4'));
is $r->{status}, 200, 'a link made as they are made';
is_elsewhere $r->{redirected}, 'S3 sends it, for no longer', key => "$prefix/final.mp4", expires => 60 if $s->s3;
is_problem $s->req(GET => signed(time - 1, $prefix, 'final.mp4')), 403, 'an expired link', detail => qr/expired/;
is_problem $s->req(GET => signed(time, $prefix, 'final.mp4')), 403, 'one that expires now';
is_gone $s->req(GET => signed(time + 60, $prefix, 'other.mp4')), 'a file that is not there';
is_gone $s->req(GET => signed(time + 60, 'outputs/x/1-1', 'final.mp4')), 'a job that is not there';

my $other = $mac;
$other =~ tr/0-9a-f/1-9a-f0/;
my %tampered = (
    'another signature'         => "/d/$expiry.$other/$where",
    'the signature cut'         => "/d/$expiry." . substr($mac, 0, 31) . "/$where",
    'the signature in capitals' => "/d/$expiry." . ($mac =~ /[a-f]/ ? uc $mac : $other) . "/$where",
    'a longer signature'        => "/d/$expiry.${mac}0/$where",
    'no signature'              => "/d/$expiry./$where",
    'a later expiry'            => '/d/' . ($expiry + 1) . ".$mac/$where",
    'zeros before the expiry'   => "/d/0$expiry.$mac/$where",
    'an endless expiry'         => "/d/99999999999999999999.$mac/$where",
    'no expiry'                 => "/d/.$mac/$where",
    'another job'               => "/d/$expiry.$mac/outputs/00000000-0000-0000-0000-000000000000/1-1/final.mp4",
    'another run'               => "/d/$expiry.$mac/outputs/$job/2-1/final.mp4",
    'another folder'            => "/d/$expiry.$mac/inputs/$account/$film->{id}/final.mp4",
    'the folder'                => "/d/$expiry.$mac/$prefix",
    'the folder with a slash'   => "/d/$expiry.$mac/$prefix/",
    'a slash behind the file'   => "$link/",
    'nothing'                   => '/d/x',
    'a per cent sign'           => "/d/$expiry.$mac/$prefix/%2566inal.mp4",
    'a backslash'               => "/d/$expiry.$mac/$prefix/..%5c..%5cfinal.mp4",
    'a line feed'               => "/d/$expiry.$mac/$prefix/final.mp4%0a",
);
for my $what (sort keys %tampered) {
    is_problem $s->req(GET => $tampered{$what}), 403, $what;
}
SKIP: {
    skip 'nginx resets a connection of which it has not read the header to its end', 1 if $ENV{RENDER_ONEBYTE};
    is $s->req(GET => "/d/$expiry.$mac/$prefix/final.mp4%00.txt")->{status}, 400, 'a NUL';
}

# nginx has resolved these before anybody looks at them
for my $trick ("$prefix/../../../inputs/$account/$film->{id}", "$prefix/..%2f..%2f..%2finputs/$account/$film->{id}",
    "$prefix/%2e%2e/%2e%2e/%2e%2e/temp/x", "$prefix/../1-1/../../../../secrets/link.key",
    "../../../../../../../../etc/passwd", "$prefix/final.mp4/../../../../../secrets/jwt.key")
{
    my $answer = $s->raw("GET /d/$expiry.$mac/$trick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    like $answer, qr{\AHTTP/1\.1 (?:40[0134])\b}, "the way out by $trick";
}
is $s->req(GET => "/d/$expiry.$mac/$prefix/./x/../final.mp4")->{status}, 200, 'a detour within is none';

# a link that somebody has put into storage leads nowhere
SKIP: {
    skip 'S3 has no links', 1 if $s->s3;
    symlink $s->home . '/secrets/jwt.key', $s->stored_at("$prefix/key.mp4") or die "symlink: $!";
    is_problem $s->req(GET => signed(time + 60, $prefix, 'key.mp4')), 404, 'symbolic links are not followed';
}


# ---------------------------------------------------------------- the composition as it is kept

$r = $s->req(GET => "/compositions/$composition", token => $token);
is $r->{status}, 200, 'the composition';
is_deeply $r->{json}{config}, $document, 'has the document as it was sent';
is $r->{json}{title}, 'One', 'its title';
is $r->{json}{status}, 'completed', 'the state of its job';
is $r->{json}{job_id}, $job, 'the job itself';
is $r->{json}{results}{final}{url}, "/results/$job/final", 'and its film';
is $s->req(GET => "/videos/$r->{json}{output_asset}", token => $token)->{json}{origin}, 'render', 'which is a video of its own';

$r = $s->req(GET => "/compositions/$composition/download", token => $token);
is $r->{status}, 200, 'a download';
is_deeply [sort keys %{ $r->{json} }], [qw(expires_at url)], 'is a link with its end';
like $r->{json}{expires_at}, $time, 'which is a time';
ok abs(seconds($r->{json}{expires_at}) - time - 900) < 60, 'in a quarter of an hour';
is sha256_hex($s->req(GET => $r->{json}{url})->{body}), sha256_hex($bytes), 'the link leads to the film';
$r = $s->req(GET => "/compositions/$composition/download?redirect=1", token => $token);
is $r->{status}, 302, 'or one is sent there';
is sha256_hex($s->req(GET => $r->{headers}{location})->{body}), sha256_hex($bytes), 'and arrives';
is $r->{body}, '', 'with nothing said';


# ---------------------------------------------------------------- the same again, and another title

my $reused = render($document, 'the same again');
is_deeply $reused->{segments}, { total => $total, by_mode => { reuse => $total } }, 'nothing is rendered twice';
is sha256_hex(film($reused)), sha256_hex($bytes), 'and the film is the same';

$document->{title} = 'Two';
$document->{metadata}{order} = 43;
is_deeply render($document, 'under another name')->{segments}, { total => $total, by_mode => { reuse => $total } },
    'names change no picture';

$document->{timeline}{tracks}[1]{clips}[0]{asset}{text} = 'Goodbye';
my $changed = render($document, 'with another title on the picture');
is_deeply $changed->{segments}, { total => $total, by_mode => { reuse => $total - 1, render => 1 } },
    'what the title touches is rendered, and nothing else';
isnt sha256_hex(film($changed)), sha256_hex($bytes), 'and the film is another';

$document->{timeline}{tracks}[2]{clips}[0]{volume} = 0.5;
is_deeply render($document, 'with a softer voice')->{segments}, { total => $total, by_mode => { reuse => $total } },
    'the sound touches no picture';


# ---------------------------------------------------------------- the list

my (@seen, $cursor);
for my $page (1 .. 3) {
    $r = $s->req(GET => '/compositions?limit=2' . ($cursor ? "&cursor=$cursor" : ''), token => $token);
    push @seen, map { $_->{id} } @{ $r->{json}{items} };
    $cursor = $r->{json}{next_cursor};
    is scalar @{ $r->{json}{items} }, $page < 3 ? 2 : 1, "page $page of the list";
    last unless $cursor;
}
is $cursor, undef, 'the last page has no next';
my %once = map { $_ => 1 } @seen;
is scalar keys %once, 5, 'each composition stands in the list once';
is $seen[-1], $composition, 'the oldest at its end';
ok !exists $r->{json}{items}[0]{config}, 'without its document';

$s->stop;
done_testing;


# Reads the WebSocket of a job to its end: the frames into the list, the close message.
sub watch {
    my ($id, $list) = @_;
    my $ws = $s->ws("/ws/progress/$id", token => $token);
    is $ws->status, 101, "the progress of $id";
    while (my $m = $ws->next_message(60)) {
        if ($m->{opcode} == Render::Test::WS::CLOSE) { $ws->close; return $m }
        push @$list, decode_json($m->{payload});
    }
    return {};
}

sub uc_watch {
    my @list;
    watch(uc $_[0], \@list);
    return $list[-1]{status};
}

sub render {
    my ($doc, $what) = @_;
    my $answer = $s->req(POST => '/compositions', token => $token, json => $doc);
    my $ended = $s->wait_job($token, $answer->{json}{job_id});
    is $ended->{status}, 'completed', $what;
    return $ended;
}

sub film {
    my ($ended) = @_;
    return $s->req(GET => $s->req(GET => "/results/$ended->{id}/final", token => $token)->{headers}{location})->{body};
}

sub seconds {
    my @t = $_[0] =~ /(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/;
    return timegm($t[5], $t[4], $t[3], $t[2], $t[1] - 1, $t[0]);
}
