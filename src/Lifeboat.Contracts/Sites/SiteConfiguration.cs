// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text.Json;
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Sites;

/// <summary>`site.json`: who this site is and where it listens. Written by `lifeboat site init`.</summary>
public sealed record SiteConfiguration
{
    public required string Name { get; init; }
    /// <summary>`address:port` where paired sites reach this site's controller (HTTPS).</summary>
    public string ControllerListen { get; init; } = "127.0.0.1:7401";
    /// <summary>`address:port` where other agents ship to (TLS 1.3).</summary>
    public string LinkListen { get; init; } = "127.0.0.1:7402";
    /// <summary>The site driver that runs the instances.</summary>
    public string Driver { get; init; } = "qemu";
    /// <summary>The driver's options; absent: its defaults.</summary>
    public JsonElement? Options { get; init; }

    /// <exception cref="ProblemException">Missing, unreadable or with faults; all of them are listed.</exception>
    public static SiteConfiguration Read(string siteDirectory)
    {
        var path = new SitePaths(siteDirectory).Configuration;
        SiteConfiguration? read;
        try
        {
            read = JsonSerializer.Deserialize<SiteConfiguration>(File.ReadAllBytes(path), ContractJson.Options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ProblemException(ReasonCode.SiteUnknown, $"{siteDirectory} is not a site directory",
                $"{path}: {e.Message}. Make one with `lifeboat site init`.", cause: e);
        }
        var problems = read is null ? ["site.json is empty"] : read.Problems().ToList();
        return problems.Count == 0
            ? read!
            : throw new ProblemException(ReasonCode.InvalidRequest, $"{path} has faults", null, problems);
    }

    public IEnumerable<string> Problems()
    {
        if (!EntityName.IsValid(Name)) yield return $"name is '{Name}'; {EntityName.Rule}";
        if (!IPEndPoint.TryParse(ControllerListen, out _))
            yield return $"controllerListen is '{ControllerListen}'; it must be address:port";
        if (!IPEndPoint.TryParse(LinkListen, out _))
            yield return $"linkListen is '{LinkListen}'; it must be address:port";
    }
}
