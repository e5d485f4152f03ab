// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>An API of a cloud that we speak: its names, where its root is, the microversions that we need.</summary>
internal sealed record CloudApi
{
    // Zed has 2.93, 3.70 and 1.39. The oldest are those of Train (2019): before 2.75 a flavor's swap of 0 is an empty
    // text, before 2.71 a server does not tell its groups.
    public static readonly CloudApi Identity = new("Keystone", "identity", null, []);
    public static readonly CloudApi Compute = new("Nova", "compute",
        new MicroversionNeed("compute", new Microversion(2, 79), new Microversion(2, 93)), []);
    public static readonly CloudApi BlockStorage = new("Cinder", "block-storage",
        new MicroversionNeed("volume", new Microversion(3, 59), new Microversion(3, 70)),
        ["volumev3", "block-store", "volume"]);
    public static readonly CloudApi Network = new("Neutron", "network", null, []);
    public static readonly CloudApi Image = new("Glance", "image", null, []);
    public static readonly CloudApi Placement = new("Placement", "placement",
        new MicroversionNeed("placement", new Microversion(1, 36), new Microversion(1, 39)), []);

    /// <summary>Lifeboat itself, in the catalogue of a cloud that it serves.</summary>
    public static readonly CloudApi DisasterRecovery = new("Lifeboat", "disaster-recovery", null, []);

    private CloudApi(string name, string type, MicroversionNeed? versions, IReadOnlyList<string> aliases) =>
        (Name, Type, Versions, Aliases) = (name, type, versions, aliases);

    public string Name { get; }
    /// <summary>As the list of service types has it (service-types.openstack.org).</summary>
    public string Type { get; }
    /// <summary>Null: its API has no microversions.</summary>
    public MicroversionNeed? Versions { get; }
    /// <summary>Other types that catalogues have it under, in the order in which they are taken.</summary>
    public IReadOnlyList<string> Aliases { get; }

    public IEnumerable<string> Types => [Type, .. Aliases];

    /// <summary>What the paths of requests begin with, from an endpoint as catalogues write it.</summary>
    public Uri Root(Uri endpoint, string projectId)
    {
        var bare = Bare(endpoint, projectId);
        return new Uri(this switch
        {
            _ when this == Compute => WithVersion(bare, "v2.1"),
            // With the project: without it from 3.67 on only.
            _ when this == BlockStorage => $"{WithVersion(bare, "v3")}/{projectId}",
            _ when this == Network => WithVersion(bare, "v2.0"),
            _ when this == Image => WithVersion(bare, "v2"),
            _ when this == Identity => WithVersion(bare, "v3"),
            _ => bare,
        });
    }

    /// <summary>Where the service tells its microversions.</summary>
    public Uri VersionDocument(Uri endpoint, string projectId)
    {
        var bare = Bare(endpoint, projectId);
        return new Uri((this == Compute ? WithVersion(bare, "v2.1") : this == BlockStorage ? WithVersion(bare, "v3")
            : bare) + "/");
    }

    public override string ToString() => Name;

    private static string Bare(Uri endpoint, string projectId)
    {
        var text = endpoint.AbsoluteUri.TrimEnd('/');
        var last = text[(text.LastIndexOf('/') + 1)..];
        return projectId.Length > 0 && (last == projectId || last == $"AUTH_{projectId}")
            ? text[..^(last.Length + 1)] : text;
    }

    private static string WithVersion(string bare, string version)
    {
        var last = bare[(bare.LastIndexOf('/') + 1)..];
        return last.Length > 1 && last[0] == 'v' && char.IsAsciiDigit(last[1]) ? bare : $"{bare}/{version}";
    }
}
