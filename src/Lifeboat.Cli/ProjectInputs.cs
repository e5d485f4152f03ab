// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>What commands about projects have in common.</summary>
internal static class ProjectInputs
{
    public static Option<string?> From() => new("--from")
    {
        Description = "The site whose project it is (default: the only one that is kept here)",
        HelpName = "SITE",
    };

    public static Option<long?> Version() => new("--version")
    {
        Description = "An earlier version of its description, see `project list` (default: the newest)",
        HelpName = "NUMBER",
    };

    public static Option<bool> Extend() => new("--extend")
    {
        Description = "A project that is here and was not made by Lifeboat gets what it lacks",
    };

    /// <exception cref="ProblemException">InvalidRequest: there are several; ProjectUnknown: there is none.</exception>
    public static async Task<string> SiteAsync(string? said, CommandSession session, CancellationToken ct)
    {
        if (said is not null) return said;
        var sites = (await session.Controller.ProjectsAsync(ct)).Select(p => p.Site).Distinct().ToList();
        return sites switch
        {
            [var only] => only,
            [] => throw new ProblemException(ReasonCode.ProjectUnknown,
                "this site has no description of another site's project",
                "It is kept of paired sites that are clouds; `lifeboat project refresh --from SITE` takes it now."),
            _ => throw new ProblemException(ReasonCode.InvalidRequest,
                $"projects of several sites are kept here: {string.Join(", ", sites)}", "Say which one (--from)."),
        };
    }
}
