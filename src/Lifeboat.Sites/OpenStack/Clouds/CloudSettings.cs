// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Clouds;

internal enum CloudAuth { Password = 1, Token = 2, ApplicationCredential = 3 }

internal enum EndpointInterface { Public = 1, Internal = 2, Admin = 3 }

/// <summary>One cloud of a `clouds.yaml`, with `secure.yaml` merged into it and every fault already told.</summary>
internal sealed record CloudSettings
{
    public required string Name { get; init; }
    /// <summary>Keystone, without `/v3` and without a slash at the end.</summary>
    public required Uri AuthUrl { get; init; }
    public required CloudAuth Auth { get; init; }
    public CloudUser? User { get; init; }
    public string? Password { get; init; }
    public string? Token { get; init; }
    /// <summary>Null with an application credential, which brings its own, and with a token that keeps its
    /// own.</summary>
    public CloudProject? Project { get; init; }
    public ApplicationCredential? Credential { get; init; }
    /// <summary>Null: the cloud has one region only.</summary>
    public string? Region { get; init; }
    public EndpointInterface Interface { get; init; } = EndpointInterface.Public;
    /// <summary>PEM file of the CA that the endpoints' certificates come from; null: those of the system.</summary>
    public string? CaFile { get; init; }
    /// <summary>False: certificates are not looked at, by the operator's own wish.</summary>
    public bool Verify { get; init; } = true;
    /// <summary>PEM files of the certificate that we show, and of its key (null: in the same file).</summary>
    public string? CertificateFile { get; init; }
    public string? KeyFile { get; init; }
    /// <summary>By service type: where it is instead of where the catalogue says.</summary>
    public IReadOnlyDictionary<string, Uri> Endpoints { get; init; } = new Dictionary<string, Uri>();

    /// <summary>PEM file of the CA of the Lifeboat site that serves this cloud, or its fingerprint (SHA-256, hex): for
    /// who reaches that site by this cloud's catalogue.</summary>
    public string? RecoveryCaFile { get; init; }
    public string? RecoveryFingerprint { get; init; }

    // A record prints all of its members; these have secrets.
    public override string ToString() => $"cloud '{Name}' at {AuthUrl}";
}

/// <summary>By id, or by name and domain.</summary>
internal sealed record CloudUser(string? Id, string? Name, CloudDomain? Domain);

/// <summary>By id, or by name and domain.</summary>
internal sealed record CloudProject(string? Id, string? Name, CloudDomain? Domain);

internal sealed record CloudDomain(string? Id, string? Name);

/// <param name="Id">Or null: then by name, of <paramref name="User"/>.</param>
internal sealed record ApplicationCredential(string? Id, string? Name, CloudUser? User, string Secret)
{
    public override string ToString() => $"application credential {Id ?? Name}";
}
