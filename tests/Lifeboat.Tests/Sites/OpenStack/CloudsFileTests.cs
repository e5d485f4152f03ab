// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Clouds;

namespace Lifeboat.Tests.Sites.OpenStack;

public sealed class CloudsFileTests : IDisposable
{
    private const string Good = """
        clouds:
          west:
            auth:
              auth_url: https://keystone.west.example:5000/v3
              username: backup
              password: swordfish
              project_name: shop
              user_domain_name: Default
              project_domain_id: default
            region_name: one
            interface: internal
            verify: false
            volume_endpoint_override: http://10.0.0.1:8776/v3
        """;
    private readonly string _folder = Directory.CreateTempSubdirectory("lifeboat-clouds-").FullName;
    private readonly Dictionary<string, string> _variables = [];

    private CloudsSearch Search => new()
    {
        CurrentDirectory = Path.Combine(_folder, "here"),
        Home = Path.Combine(_folder, "home"),
        Variable = name => _variables.GetValueOrDefault(name),
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_cloud_with_a_password_is_read()
    {
        Write("here/clouds.yaml", Good);
        var cloud = CloudsFile.Read(Search, null);
        Assert.Equal("west", cloud.Name);
        Assert.Equal("https://keystone.west.example:5000/", cloud.AuthUrl.AbsoluteUri);
        Assert.Equal(CloudAuth.Password, cloud.Auth);
        Assert.Equal(new CloudUser(null, "backup", new CloudDomain(null, "Default")), cloud.User);
        Assert.Equal(new CloudProject(null, "shop", new CloudDomain("default", null)), cloud.Project);
        Assert.Equal("one", cloud.Region);
        Assert.Equal(EndpointInterface.Internal, cloud.Interface);
        Assert.False(cloud.Verify);
        Assert.Equal("http://10.0.0.1:8776/v3", cloud.Endpoints["volume"].AbsoluteUri);
        Assert.DoesNotContain("swordfish", cloud.ToString());
    }

    [Fact]
    public void An_application_credential_and_a_token_are_read_and_secrets_come_from_secure_yaml()
    {
        Write("home/.config/openstack/clouds.yaml", """
            clouds:
              east:
                auth_type: v3applicationcredential
                auth: { auth_url: "http://10.77.1.2:5000", application_credential_id: abc }
                regions:
                - one
                - { name: two, values: { interface: admin } }
                region-name: two
              old:
                auth_type: token
                auth: { auth_url: "http://10.77.1.2:5000", project_id: p1 }
            """);
        Write("home/.config/openstack/secure.yaml", """
            clouds:
              east: { auth: { application_credential_secret: s3cret } }
              old: { auth: { token: t0ken } }
            """);
        var east = CloudsFile.Read(Search, "east");
        Assert.Equal("s3cret", east.Credential!.Secret);
        Assert.Null(east.Project);
        Assert.Equal("two", east.Region);
        Assert.Equal(EndpointInterface.Admin, east.Interface);
        _variables["OS_CLOUD"] = "old";
        Assert.Equal("t0ken", CloudsFile.Read(Search, null).Token);
    }

    [Fact]
    public void The_first_file_counts_in_the_order_of_openstacksdk()
    {
        Write("home/.config/openstack/clouds.yaml", Good.Replace("west", "of-home"));
        Assert.Equal("of-home", CloudsFile.Read(Search, null).Name);
        Write("here/clouds.yml", Good.Replace("west", "here-yml"));
        Assert.Equal("here-yml", CloudsFile.Read(Search, null).Name);
        Write("here/clouds.yaml", Good.Replace("west", "here-yaml"));
        Assert.Equal("here-yaml", CloudsFile.Read(Search, null).Name);
        _variables["OS_CLIENT_CONFIG_FILE"] = Write("elsewhere/mine.yaml", Good.Replace("west", "named"));
        Assert.Equal("named", CloudsFile.Read(Search, null).Name);
        Assert.Equal("/etc/openstack/clouds.json", Search.Clouds[^1]);
    }

    [Fact]
    public void All_faults_are_told_at_once_with_their_lines_and_without_secrets()
    {
        var file = Write("here/clouds.yaml", """
            clouds:
              west:
                auth:
                  auth_url: keystone.west.example
                  usernme: backup
                  password: swordfish
                  project_name: shop
                interface: pubic
                cacert: /nowhere/ca.pem
                verify: perhaps
            """);
        var e = Assert.Throws<SiteException>(() => CloudsFile.Read(Search, "west"));
        var told = e.Message.Split("; ");
        string[] wanted =
        [
            $"{file}:5: clouds.west.auth.usernme is unknown; did you mean username?",
            $"{file}:4: clouds.west.auth.auth_url is 'keystone.west.example'; it must be an http or https URL without "
                + "user and query",
            $"{file}:4: clouds.west.auth.username is missing (or user_id)",
            $"{file}:7: clouds.west.auth.project_domain_name is missing (or project_domain_id): names are of a domain",
            $"{file}:8: clouds.west.interface is 'pubic'; it must be public, internal or admin",
            $"{file}:9: clouds.west.cacert is '/nowhere/ca.pem', which is not there",
            $"{file}:10: clouds.west.verify must be true or false",
        ];
        Assert.Equal(string.Join("; ", wanted), e.Message);
        Assert.DoesNotContain("swordfish", e.Message);
        Assert.NotEmpty(told);
    }

    [Theory]
    [InlineData("clouds: {}", "it has no clouds")]
    [InlineData("[1, 2]", "one YAML mapping")]
    [InlineData("clouds: {a: {}\n  b", "not YAML")]
    [InlineData("clouds: {a: {auth: {}}, b: {auth: {}}}", "several clouds (a, b)")]
    [InlineData("clouds: {a: 3}", "must be a mapping")]
    [InlineData("clouds: {a: {profile: vexxhost}}", "come with openstacksdk")]
    [InlineData("clouds: {a: {auth_type: v3oidcpassword, auth: {auth_url: \"http://k\"}}}", "supported are password")]
    [InlineData("clouds: {a: {auth_type: v3applicationcredential, auth: {auth_url: \"http://k\", project_id: p, "
        + "application_credential_id: i, application_credential_secret: s}}}", "brings its own project")]
    public void A_file_that_cannot_be_used_says_why(string text, string why)
    {
        Write("here/clouds.yaml", text);
        var e = Assert.Throws<SiteException>(() => CloudsFile.Read(Search, null));
        Assert.Equal(SiteFault.Refused, e.Fault);
        Assert.Contains(why, e.Message);
    }

    [Fact]
    public void Without_a_file_all_places_are_named()
    {
        var e = Assert.Throws<SiteException>(() =>
            CloudsFile.Read(Search with { File = "/nowhere/clouds.yaml" }, null));
        Assert.Contains("/nowhere/clouds.yaml", e.Message);
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }
}
