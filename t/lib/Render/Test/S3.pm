package Render::Test::S3;

# A client of S3 for the rig, signed by itself (SigV4): no process to start, and children of a
# test may use it, too.
#
#   my $s3 = Render::Test::S3->new('s3://tests/prefix', \%ENV);      # of which it takes AWS's variables
#   $s3->put('inputs/x', $bytes);
#   $s3->get('inputs/x');                                     # undef: there is none
#   $s3->list('inputs/');                                     # { key => size }

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 hmac_sha256_hex sha256_hex);
use HTTP::Tiny;
use POSIX qw(strftime);

sub new {
    my ($class, $url, $env) = @_;
    my ($bucket, $prefix, $query) = $url =~ m{\As3://([^/?]+)/?([^?]*)\??(.*)} or die "no URL of S3: $url\n";
    my ($endpoint) = $query =~ /(?:\A|&)endpoint=([^&]+)/;
    $prefix =~ s{/*\z}{/} if length $prefix;
    my %self = (bucket => $bucket, prefix => $prefix);
    @self{qw(id secret region endpoint)} = @$env{qw(AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION AWS_ENDPOINT_URL_S3)};
    $self{endpoint} = $endpoint if defined $endpoint;
    $self{region} //= 'us-east-1';
    $self{endpoint} //= "https://s3.$self{region}.amazonaws.com";
    return bless \%self, $class;
}

# Is it at this server that the URL leads to something?
sub holds { my ($self, $url) = @_; return index($url, "$self->{endpoint}/") == 0 }

sub get {
    my ($self, $key) = @_;
    my $r = $self->_ask(GET => $key);
    return $r->{status} == 404 ? undef : $self->_good($r, $key)->{content};
}

# its size, undef: there is none
sub size {
    my ($self, $key) = @_;
    my $r = $self->_ask(HEAD => $key);
    return $r->{status} == 404 ? undef : $self->_good($r, $key)->{headers}{'content-length'};
}

sub put { my ($self, $key, $bytes) = @_; $self->_good($self->_ask(PUT => $key, {}, $bytes), $key); return }

# S3 does not say whether there was one.
sub drop { my ($self, $key) = @_; $self->_good($self->_ask(DELETE => $key), $key); return }

sub list {
    my ($self, $under) = @_;
    my (%found, $from);
    while (1) {
        my $r = $self->_ask(GET => undef, { 'list-type' => 2, prefix => $self->{prefix} . ($under // ''),
            (defined $from ? ('continuation-token' => $from) : ()) });
        my $text = $self->_good($r, 'the list')->{content};
        while ($text =~ m{<Contents>(.*?)</Contents>}gs) {
            my $one = $1;
            my ($key)  = $one =~ m{<Key>([^<]*)</Key>};
            my ($size) = $one =~ m{<Size>(\d+)</Size>};
            $found{ substr $key, length $self->{prefix} } = $size;
        }
        last unless $text =~ m{<IsTruncated>true<};
        ($from) = $text =~ m{<NextContinuationToken>([^<]+)<};
    }
    return \%found;
}

# The keys of uploads that were begun and are neither finished nor given up.
sub begun {
    my ($self) = @_;
    my $text = $self->_good($self->_ask(GET => undef, { uploads => '', prefix => $self->{prefix} }), 'the uploads')->{content};
    return map { substr $_, length $self->{prefix} } $text =~ m{<Upload>.*?<Key>([^<]*)</Key>}gs;
}

sub _good {
    my ($self, $r, $what) = @_;
    return $r if $r->{success};
    die "S3: $what: $r->{status}: $r->{content}\n";
}

sub _ask {
    my ($self, $method, $key, $query, $bytes) = @_;
    my $path = "/$self->{bucket}" . (defined $key ? '/' . _escape($self->{prefix} . $key, '/') : '');
    my $args = join '&', map { _escape($_) . '=' . _escape($query->{$_}) } sort keys %{ $query || {} };
    my ($host) = $self->{endpoint} =~ m{\Ahttps?://([^/]+)};
    my $at   = strftime('%Y%m%dT%H%M%SZ', gmtime);
    my $day  = substr $at, 0, 8;
    my $sum  = sha256_hex($bytes // '');
    my $scope = "$day/$self->{region}/s3/aws4_request";
    my $names = 'host;x-amz-content-sha256;x-amz-date';
    my $canonical = join "\n", $method, $path, $args, "host:$host", "x-amz-content-sha256:$sum", "x-amz-date:$at", '', $names, $sum;
    my $signer = "AWS4$self->{secret}";
    $signer = hmac_sha256($_, $signer) for split m{/}, $scope;
    my $signature = hmac_sha256_hex(join("\n", 'AWS4-HMAC-SHA256', $at, $scope, sha256_hex($canonical)), $signer);
    my %request = (headers => { 'X-Amz-Date' => $at, 'X-Amz-Content-Sha256' => $sum,
        Authorization => "AWS4-HMAC-SHA256 Credential=$self->{id}/$scope, SignedHeaders=$names, Signature=$signature" });
    $request{content} = $bytes if defined $bytes;
    my $http = HTTP::Tiny->new(timeout => 60, proxy => undef, http_proxy => undef, https_proxy => undef);
    return $http->request($method, "$self->{endpoint}$path" . (length $args ? "?$args" : ''), \%request);
}

sub _escape {
    my ($text, $also) = @_;
    $also //= '';
    $text =~ s/([^A-Za-z0-9._~$also-])/sprintf '%%%02X', ord $1/ge;
    return $text;
}

1;
