# Who may see what: private, by its link, public; as a stranger, another user, the owner.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Render::Test;
use Render::Test::Form qw(answers);
use Render::Test::Problem;

my $s = Render::Test->start(workers => 1, slots => 2, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;');
my $token = $s->signup->{token};
my $other = $s->signup->{token};
my %who   = (owner => $token, other => $other, stranger => undef);

sub as {
    my ($who, $path, %opt) = @_;
    return $s->req(GET => $path, defined $who{$who} ? (token => $who{$who}) : (), %opt);
}
sub patch { return $s->req(PATCH => $_[0], token => $token, json => $_[1]) }

# status of what is no plain request
sub ws {
    my ($who, $path) = @_;
    my $ws = $s->ws($path, defined $who{$who} ? (token => $who{$who}) : ());
    my $status = $ws->status;
    $ws->close;
    return $status;
}
sub sse {
    my ($who, $path) = @_;
    my $auth = defined $who{$who} ? "Authorization: Bearer $who{$who}\r\n" : '';
    my $text = $s->raw("GET $path HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n${auth}Connection: close\r\n\r\n", until => qr/\n\n|\}\z/);
    return $text =~ m{\AHTTP/1\.1 (\d+)} ? $1 : 0;
}

my $r = $s->req(POST => '/compositions', token => $token, json => { title => 'Film', timeline => { width => 64, height => 48, fps => 10,
    tracks => [{ clips => [{ asset => { type => 'color', color => '#abcdef' }, duration => 1 }] }] } });
my $job = $s->wait_job($token, $r->{json}{job_id});
is $job->{status}, 'completed', 'a film';
my $id   = $r->{json}{composition_id};
my $film = as(owner => "/compositions/$id")->{json}{output_asset};
my $up   = $s->upload($token, \"\x89PNG\r\n\x1a\nbytes of mine", name => 'x.png');

# What is shared with a composition, and with an asset.
my %paths = (
    composition => ["/compositions/$id", "/compositions/$id/download", "/compositions/$id/download?redirect=1", "/jobs/$job->{id}",
        "/status/$job->{id}", "/results/$job->{id}/final", "/results/$job->{id}/preview"],
    film  => ["/videos/$film", "/videos/$film/stream"],
    asset => ["/videos/$up->{id}", "/videos/$up->{id}/stream"],
);
my %change = (composition => "/compositions/$id", film => "/compositions/$id", asset => "/videos/$up->{id}");

sub with { my ($path, $share) = @_; return defined $share ? $path . ($path =~ /\?/ ? '&' : '?') . "share=$share" : $path }

# sees($what, $who, $share, $may, $how): all of it, or nothing of it
sub sees {
    my ($what, $who, $share, $may, $how) = @_;
    my $refusal = $who eq 'stranger' ? 401 : 404;
    my (@bad, @got);
    for my $path (@{ $paths{$what} }) {
        my $r = as($who, with($path, $share));
        my $want = !$may ? $refusal : $path =~ /results|redirect/ ? 302 : 200;
        push @bad, "$path: $r->{status}, not $want" if $r->{status} != $want;
        push @bad, "$path: the secret is told" if $who ne 'owner' && ($r->{body} || '') =~ /share=/;
        push @bad, "$path: no share_url" if $may && $path =~ m{/(?:videos|compositions)/[^/]+\z} && !exists $r->{json}{share_url};
    }
    if ($what eq 'composition') {
        for my $try (['WebSocket', ws($who, with("/ws/progress/$job->{id}", $share)), 101], ['SSE', sse($who, with("/jobs/$job->{id}/events", $share)), 200]) {
            my ($name, $got, $want) = @$try;
            $want = $refusal unless $may;
            push @bad, "$name: $got, not $want" if $got != $want;
        }
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!@bad, "$how: $who " . ($may ? 'sees it' : 'sees nothing')) or diag(join "\n", @bad);
}


# ---------------------------------------------------------------- private, link, public, and back

for my $what (qw(composition film asset)) {
    my $at   = $change{$what};
    my $path = $what eq 'film' ? "/videos/$film" : $at;
    my $url  = sub { as(owner => $path)->{json}{share_url} };
    my $key  = sub { (($url->() || '') =~ /share=(\w+)/)[0] };
    patch($at, { visibility => 'private' });
    is $url->(), undef, "$what: private has no link";
    sees($what, owner => undef, 1, "$what, private");
    for my $given (undef, '', 'null', 'x') {
        sees($what, $_, $given, 0, "$what, private, " . (defined $given ? "share=$given" : 'no link')) for qw(other stranger);
    }

    is patch($at, { visibility => 'link' })->{status}, 200, "$what: shared by its link";
    my $old = $key->();
    like $old, qr/\A\w{32}\z/, "$what: a secret that cannot be guessed" or next;
    sees($what, $_, $old, 1, "$what, link") for qw(other stranger owner);
    sees($what, $_, undef, 0, "$what, link without its secret") for qw(other stranger);
    sees($what, $_, substr($old, 0, 31), 0, "$what, link with a part of it") for qw(other stranger);
    sees($what, $_, '', 0, "$what, link with nothing") for qw(other stranger);
    is as(stranger => $url->())->{status}, $what eq 'composition' ? 302 : 200, "$what: the link works as it is";
    is patch($at, { visibility => 'link' })->{json}{visibility}, 'link', "$what: shared again";
    is $key->(), $old, "$what: by the same link";

    patch($at, { visibility => 'public' });
    sees($what, $_, undef, 1, "$what, public") for qw(other stranger);
    unlike $url->(), qr/share=/, "$what: a public link has no secret";
    is as(stranger => $url->())->{status}, $what eq 'composition' ? 302 : 200, "$what: and works";

    patch($at, { visibility => 'private' });
    sees($what, $_, $old, 0, "$what, private again, with the old link") for qw(other stranger);
    patch($at, { visibility => 'link' });
    isnt $key->(), $old, "$what: shared again it has another link";
    sees($what, $_, $old, 0, "$what, shared anew, with the old link") for qw(other stranger);
    sees($what, $_, $key->(), 1, "$what, shared anew, with the new one") for qw(other stranger);
    patch($at, { visibility => 'private' });
}

# reading is not changing
patch("/compositions/$id", { visibility => 'public' });
patch("/videos/$up->{id}", { visibility => 'public' });
for my $who (qw(other stranger)) {
    my $status = $who eq 'other' ? 404 : 401;
    my @auth   = defined $who{$who} ? (token => $who{$who}) : ();
    is $s->req(PATCH => $_, json => { title => 'x' }, @auth)->{status}, $status, "public: $who cannot change $_" for "/compositions/$id", "/videos/$up->{id}";
    is $s->req(DELETE => $_, @auth)->{status}, $status, "public: $who cannot delete $_" for "/compositions/$id", "/videos/$up->{id}", "/jobs/$job->{id}";
    is $s->req(POST => $_, @auth)->{status}, $status, "public: $who cannot $_" for "/compositions/$id/render", "/jobs/$job->{id}/cancel", "/jobs/$job->{id}/retry";
}
is scalar @{ as(other => '/compositions')->{json}{items} }, 0, 'what is public is in no list of others';
is scalar @{ as(other => '/videos')->{json}{items} }, 0, 'nor are assets';
is_problem as(stranger => $_), 401, "a stranger has no list: $_" for qw(/videos /compositions /jobs /users/me);
is as(stranger => "/jobs/$up->{job_id}")->{status}, 401, 'a probe is nobody else\'s';
is as(other => "/jobs/$up->{job_id}")->{status}, 404, 'a probe is not another user\'s';
is $s->req(POST => '/compositions', token => $other, json => { timeline => { tracks => [{ clips => [{ asset => { type => 'video', src => "asset:$film" },
    duration => 1 }] }] } })->{status}, 202, 'a public film may be part of another\'s';

# A signed link is for whoever has it, and needs no account.
my $link = as(owner => "/compositions/$id/download")->{json}{url};
patch("/compositions/$id", { visibility => 'private' });
is as(stranger => $link)->{status}, 200, 'a signed link works for its time';
sees('composition', $_, undef, 0, 'private at last') for qw(other stranger);


# ---------------------------------------------------------------- films of older revisions, and titles

patch("/compositions/$id", { visibility => 'public' });
my $again = patch("/compositions/$id", { config => { title => 'Film', timeline => { width => 64, height => 48, fps => 10,
    tracks => [{ clips => [{ asset => { type => 'color', color => '#fedcba' }, duration => 1 }] }] } } });
is $again->{status}, 202, 'another revision of what is public';
is as(stranger => "/videos/$film/stream")->{status}, 200, 'the older film is public';
$s->wait_job($token, $again->{json}{job_id});
my $newer = as(owner => "/compositions/$id")->{json}{output_asset};
isnt $newer, $film, 'there is a newer film';
is as(stranger => "/videos/$newer/stream")->{status}, 200, 'which is public as its composition';
patch("/compositions/$id", { visibility => 'private' });
is as(stranger => "/videos/$_/stream")->{status}, 401, 'private: neither film is seen by a stranger' for $film, $newer;
is as(stranger => "/results/$_/final")->{status}, 401, 'nor by way of its job' for $job->{id}, $again->{json}{job_id};

patch("/videos/$newer", { visibility => 'public' });
patch("/compositions/$id", { title => 'Renamed' });
is as(stranger => "/videos/$newer")->{json}{title}, 'Renamed', 'a film that is public by itself stays so when its composition is renamed';
patch("/compositions/$id", { visibility => 'public' });
patch("/videos/$newer", { visibility => 'private' });
patch("/compositions/$id", { title => 'Renamed again' });
is as(stranger => "/videos/$newer")->{status}, 401, 'and one that is private stays private';


# ---------------------------------------------------------------- what others make of it ends with the sharing

sub of_film {
    return $s->req(POST => '/compositions', token => $other, json => { timeline => { width => 64, height => 48, fps => 10, tracks => [{ clips => [
        { asset => { type => 'video', src => "asset:$film" }, duration => $_[0] }] }] } });
}
patch("/videos/$film", { visibility => 'public' });
my $theirs = of_film(0.5);
my $made = $s->wait_job($other, $theirs->{json}{job_id});
is $made->{status}, 'completed', "another's film of a public one" or diag explain $made->{error};
$s->stack(qw(stop worker));
my $waits = of_film(0.6)->{json}{job_id};
patch("/videos/$film", { visibility => 'private' });
$s->stack(qw(start worker));
my $over = $s->wait_job($other, $waits);
is $over->{status}, 'failed', 'what waited when it became private is not rendered';
is $over->{error}{errors}[0]{detail}, 'does not exist', 'as if it were not there';
my $rerun = $s->req(POST => "/compositions/$theirs->{json}{composition_id}/render", token => $other)->{json}{job_id};
is $s->wait_job($other, $rerun)->{status}, 'failed', 'nor is what was rendered before';
$s->req(POST => "/jobs/$waits/retry", token => $other);
is $s->wait_job($other, $waits)->{status}, 'failed', 'nor by another try';
patch("/videos/$film", { visibility => 'public' });
$s->req(POST => "/jobs/$waits/retry", token => $other);
is $s->wait_job($other, $waits)->{status}, 'completed', 'shared again, it is';
$s->stack(qw(stop worker));
$waits = of_film(0.7)->{json}{job_id};
is $s->req(DELETE => "/videos/$film", token => $token)->{status}, 204, "another's job keeps nobody from deleting";
$s->stack(qw(start worker));
is $s->wait_job($other, $waits)->{status}, 'failed', 'and ends without it';

# A stale cookie is as good as none, a wrong header is not.
patch("/videos/$up->{id}", { visibility => 'public' });
for my $cookie ('render_token=x', 'render_token=' . ($token =~ s/.{4}\z/AAAA/r), 'render_token=') {
    is $s->req(GET => "/videos/$up->{id}", headers => { Cookie => $cookie })->{status}, 200, 'a stale cookie does not hide what is public';
    is $s->req(GET => "/videos/$up->{id}/stream", headers => { Cookie => $cookie })->{status}, 200, 'nor its bytes';
    is $s->req(GET => "/jobs/$up->{job_id}", headers => { Cookie => $cookie })->{status}, 401, 'it shows nothing else';
}
is_problem $s->req(GET => "/videos/$up->{id}", token => 'x'), 401, 'a wrong token is told';

$s->stop;
done_testing;
