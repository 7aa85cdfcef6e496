# Programs of the field, each in its own words, from signing up or in to the film's bytes. What they
# send is as they send it; if one of these fails, somebody's program has stopped to work.

use strict;
use warnings;

use lib 't/lib';

use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Files;

my $dir = tempdir(CLEANUP => 1);
my $clip = make_media('clients.mp4', qw(-f lavfi -i testsrc2=size=320x240:rate=25:duration=2
    -f lavfi -i sine=frequency=440:duration=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -shortest));
my $photo = make_media('clients.jpg', qw(-f lavfi -i testsrc2=size=640x480 -frames:v 1));
my $wav   = make_media('clients.wav', qw(-f lavfi -i sine=frequency=220:duration=3));

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');


subtest 'a web application in the manner of fastapi-users' => sub {
    my %who = (email => 'fast@example.test', password => 'correct horse');
    # Its forms send flags along, which are not theirs to set.
    my $r = step(201, POST => '/auth/register', json => { %who, is_active => JSON::PP::true, is_superuser => JSON::PP::true, is_verified => JSON::PP::true })
        or return;
    $r = step(200, POST => '/auth/jwt/login', body => form(grant_type => 'password', username => $who{email}, password => $who{password}, scope => ''),
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded' }) or return;
    is $r->{json}{token_type}, 'bearer', 'a bearer token';
    my $token = $r->{json}{access_token};
    $r = step(200, GET => '/users/me', token => $token) or return;
    is $r->{json}{email}, $who{email}, 'who I am';
    is $r->{json}{role}, 'user', 'and no more than that';

    $r = step(201, POST => '/videos/upload', token => $token, multipart([file => $clip, 'clip.mp4', 'video/mp4'])) or return;
    my $asset = $r->{json}{id};
    $r = step(202, POST => '/compositions', token => $token, json => document({ type => 'video', src => "asset:$asset" })) or return;
    my $job = poll("/jobs/$r->{json}{job_id}", $token, sub { $_[0]{status} =~ /\A(?:completed|failed)\z/ }) or return;
    is $job->{status}, 'completed', 'the job ends well';
    film(step(302, GET => "/results/$job->{id}/preview", token => $token), 2);
};


subtest 'a client that sends a picture and waits for a film' => sub {
    my %who = (email => 'picture@example.test', password => 'correct horse');
    step(201, POST => '/auth/signup', json => \%who) or return;
    my $token = (step(200, POST => '/auth/login', json => \%who) or return)->{json}{access_token};

    for my $order ('before', 'behind') {
        my @fields = ([title => 'A picture'], [image_duration => 1]);
        my @file   = ([image => $photo, 'problem.jpg', 'image/jpeg']);
        my $r = step(202, POST => '/jobs', token => $token, multipart($order eq 'before' ? (@fields, @file) : (@file, @fields))) or return;
        my $id = $r->{json}{job_id};
        my $job = (step(200, GET => "/jobs/$id", token => $token) or return)->{json};
        like $job->{legacy_status}, qr/\A(?:WAIT_JSON2VIDEO|FINISHED)\z/, "fields $order the file: the state in its words";

        my $ws = $s->ws("/ws/progress/$id", token => $token);
        is $ws->status, 101, 'it watches' or return;
        my ($last, $close);
        while (my $m = $ws->next_message(60)) {
            if ($m->{opcode} == Render::Test::WS::CLOSE) { $close = $m->{code}; last }
            $last = decode_json($m->{payload});
        }
        $ws->close;
        is $last->{status}, 'completed', 'to a good end' or diag explain $last;
        is $close, 1000, 'and is sent home';
        is +(step(200, GET => "/jobs/$id", token => $token) or return)->{json}{legacy_status}, 'FINISHED', 'which is FINISHED in its words';
        film(step(302, GET => "/results/$id/preview", token => $token), 1);
    }
};


subtest 'a phone' => sub {
    my $token = $s->signup->{token};
    my @parts = ([file => $photo, 'IMG_0001.JPG', 'image/jpeg'], [file => $wav, 'note.wav', 'audio/wav'], [image_duration => 2], [title => "Gr\xc3\xbc\xc3\x9fe"]);
    my %form = multipart(@parts);
    my @pieces = unpack '(a10000)*', $form{body};
    # It does not know the length beforehand, and sends again what it has no answer to.
    my %key = ('Idempotency-Key' => 'phone-1');
    my $r = step(202, POST => '/upload', token => $token, body => sub { shift @pieces }, headers => { %{ $form{headers} }, %key }) or return;
    my $id = $r->{json}{job_id};
    is scalar @{ $r->{json}{assets} }, 2, 'both files are there';
    $r = step(202, POST => '/upload', token => $token, body => $form{body}, headers => { %{ $form{headers} }, %key }) or return;
    is $r->{json}{job_id}, $id, 'sent again, it is the same job';
    my $job = poll("/status/$id", $token, sub { $_[0]{percent} == 100 || $_[0]{status} eq 'failed' }) or return;
    is $job->{status}, 'completed', 'it ends well' or diag explain $job->{error};
    film(step(302, GET => "/results/$id/final", token => $token), 2);
};


subtest 'an editor' => sub {
    my $token = $s->signup->{token};
    my $asset = step(201, POST => '/assets?filename=clip.mp4', token => $token, body => slurp($clip), headers => { 'Content-Type' => 'video/mp4' }) or return;
    my $made = step(202, POST => '/compositions', token => $token, json => document({ type => 'video', src => $asset->{json}{src} })) or return;
    my $id = $made->{json}{composition_id};
    is $s->wait_job($token, $made->{json}{job_id})->{status}, 'completed', 'the first film';

    my $r = step(200, GET => "/compositions/$id", token => $token) or return;
    my ($tag, $config) = ($r->{headers}{etag}, $r->{json}{config});
    ok $tag, 'the composition tells its version' or return;
    $r = step(200, PATCH => "/compositions/$id", token => $token, json => { title => 'Second thoughts' }, headers => { 'If-Match' => $tag }) or return;
    is $r->{json}{title}, 'Second thoughts', 'another title';
    step(412, PATCH => "/compositions/$id", token => $token, json => { title => 'Too late' }, headers => { 'If-Match' => $tag }) or return;

    $tag = (step(200, GET => "/compositions/$id", token => $token) or return)->{headers}{etag};
    $config->{timeline}{tracks}[0]{clips}[0]{out_point} = 1;
    $r = step(202, PATCH => "/compositions/$id", token => $token, json => { config => $config }, headers => { 'If-Match' => $tag }) or return;
    is $s->wait_job($token, $r->{json}{job_id})->{status}, 'completed', 'the second film';
    $r = step(200, GET => "/compositions/$id", token => $token) or return;
    is $r->{json}{revision}, 2, 'is another revision';
    is $r->{json}{title}, 'Second thoughts', 'under the title that it was given';
    film(step(302, GET => "/compositions/$id/download?redirect=1", token => $token), 1);
};


subtest 'a service that listens' => sub {
    my $token = $s->signup->{token};
    my $r = step(202, POST => '/jobs', token => $token, json => { kind => 'composition', composition => document({ type => 'color', color => '#1a2b3c' }) }) or return;
    my $id = $r->{json}{job_id};
    $r = step(200, GET => "/jobs/$id/events", token => $token, headers => { Accept => 'text/event-stream' }) or return;
    my @events = map { /^data: (.*)$/m ? decode_json($1) : () } split /\n\n/, $r->{body};
    is $events[0]{type}, 'snapshot', 'the first event is the state';
    is $events[-1]{type}, 'done', 'the last is the end';
    is $events[-1]{status}, 'completed', 'which is a good one';
    like $r->{body}, qr/^retry: \d+$/m, 'it is told when to come back';
    my ($newest) = grep {defined} map { $_->{id} } reverse @events;
    step(204, GET => "/jobs/$id/events", token => $token, headers => { 'Last-Event-ID' => $newest }) or return;

    $r = step(302, GET => "/results/$id/poster.jpg", token => $token) or return;
    $r = step(200, GET => $r->{headers}{location}) or return;
    is $r->{headers}{'content-type'}, 'image/jpeg', 'the poster is a picture';
    like $r->{body}, qr/\A\xff\xd8\xff/, 'by its bytes, too';
    film(step(302, GET => "/results/$id/final", token => $token), 2);
};

$s->stop;
done_testing;


# step($status, request as for req): the answer if it has this status; undef, and a failure, if not
sub step {
    my ($status, $method, $path, %request) = @_;
    my $r = $s->req($method => $path, %request);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $r->{status}, $status, "$method " . $path =~ s/[0-9a-f-]{36}/{id}/r and return $r;
    diag substr $r->{body} || '', 0, 500;
    return undef;
}

# Asks again and again, as it is told to, until what comes is what is wanted.
sub poll {
    my ($path, $token, $wanted) = @_;
    my $until = time + 60;
    while (time < $until) {
        my $r = $s->req(GET => $path, token => $token);
        is($r->{status}, 200, "GET $path") || return if $r->{status} != 200;
        return $r->{json} if $wanted->($r->{json});
        cmp_ok $r->{headers}{'retry-after'} || 0, '>', 0, 'it is told when to ask again' or return;
        select undef, undef, undef, 0.2;                    # it is impatient
    }
    fail "$path has not ended";
    return;
}

# Follows a redirect to a film of so many seconds.
sub film {
    my ($r, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return unless $r;
    $r = $s->req(GET => $r->{headers}{location});
    is $r->{status}, 200, 'the film is there' or return;
    is $r->{headers}{'content-type'}, 'video/mp4', 'it is one';
    spew("$dir/film.mp4", $r->{body});
    cmp_ok abs(ffprobe("$dir/film.mp4")->{format}{duration} - $seconds), '<', 0.1, "and lasts $seconds s";
}

sub document {
    my ($asset) = @_;
    return { timeline => { width => 320, height => 240, fps => 25, tracks => [
        { clips => [{ asset => $asset, $asset->{type} eq 'video' ? () : (duration => 2) }] }] } };
}

# multipart([name => value], [name => file, filename, type], ...): body and headers of a form
sub multipart {
    my $boundary = '----clients' . join '', map { int rand 10 } 1 .. 16;
    my $body = join '', map {
        my ($name, $value, $filename, $type) = @$_;
        "--$boundary\r\nContent-Disposition: form-data; name=\"$name\""
            . (defined $filename ? "; filename=\"$filename\"\r\nContent-Type: $type" : '')
            . "\r\n\r\n" . (defined $filename ? slurp($value) : $value) . "\r\n";
    } @_;
    return (body => "$body--$boundary--\r\n", headers => { 'Content-Type' => "multipart/form-data; boundary=$boundary" });
}

sub form {
    my @pairs;
    while (my ($name, $value) = splice @_, 0, 2) {
        s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ge for $value;
        push @pairs, "$name=$value";
    }
    return join '&', @pairs;
}
