// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Identity;
using Lifeboat.Protection;

namespace Lifeboat.Controller;

/// <summary>Makes the directory of a new site: configuration, CA, certificates.</summary>
public static class SiteInitializer
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <exception cref="ProblemException">InvalidRequest; Conflict when a site is there already.</exception>
    public static void Init(string directory, string name, string controllerListen, string linkListen,
        string? linkAdvertise = null)
    {
        var configuration = new SiteConfiguration
        {
            Name = name,
            ControllerListen = controllerListen,
            LinkListen = linkListen,
            LinkAdvertise = linkAdvertise,
        };
        var problems = configuration.Problems().ToList();
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "the site cannot be set up so", null, problems);
        var paths = new SitePaths(Path.GetFullPath(directory));
        if (File.Exists(paths.Configuration))
        {
            throw new ProblemException(ReasonCode.Conflict, $"{paths.Root} is a site already",
                "Choose another directory, or remove it first.");
        }
        foreach (var folder in Folders(paths))
            Directory.CreateDirectory(folder, OwnerOnly);
        SiteAuthority.Create(paths, configuration, TimeProvider.System);
        // Last: its presence says that the site is complete.
        PrivateFile.Write(paths.Configuration, JsonSerializer.Serialize(configuration, ContractJson.Indented) + "\n");
    }

    private static IEnumerable<string> Folders(SitePaths paths) =>
    [
        paths.Root, Path.GetDirectoryName(paths.CaKey)!, paths.TrustAnchors, paths.Run, paths.Logs, paths.Instances,
        paths.Replicas, paths.Views, paths.Reports, paths.Boot,
    ];
}
