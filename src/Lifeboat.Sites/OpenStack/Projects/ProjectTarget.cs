// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Identity;

namespace Lifeboat.Sites.OpenStack.Projects;

/// <summary>Which project this site is: the one that its own login is of, there or not.</summary>
/// <param name="Found">Null: it is to be made.</param>
/// <param name="Domain">Null: it cannot be made; <paramref name="Gap"/> says why.</param>
internal sealed record ProjectTarget(string Name, KeystoneThing? Domain, KeystoneProject? Found, string? Gap)
{
    public string DomainName { get; private init; } = Domain?.Name ?? "?";

    public static async Task<ProjectTarget> FindAsync(KeystoneClient keystone, CloudSession member,
        CloudSettings login, CancellationToken ct)
    {
        if (login.Project is not { Name: { } name, Domain: { } written })
            return await FindByIdAsync(keystone, member, login, ct);
        var domain = written.Id is { } id ? await keystone.FindDomainAsync(id, ct)
            : await keystone.FindDomainByNameAsync(written.Name!, ct);
        if (domain is null)
            return new ProjectTarget(name, null, null, $"domain '{written.Id ?? written.Name}' of clouds.{login.Name} "
                + "is not here: make it, or name another one for the project there")
            {
                DomainName = written.Id ?? written.Name!,
            };
        return new ProjectTarget(name, domain, await keystone.FindProjectAsync(name, domain.Id, ct), null);
    }

    // An id, and the project that an application credential or a token brings, is of one that is or was there.
    private static async Task<ProjectTarget> FindByIdAsync(KeystoneClient keystone, CloudSession member,
        CloudSettings login, CancellationToken ct)
    {
        var id = login.Project?.Id ?? await IdOfTokenAsync(member, ct);
        var found = id is null ? null : await keystone.FindProjectAsync(id, ct);
        if (found is not null)
            return new ProjectTarget(found.Name, await keystone.FindDomainAsync(found.DomainId, ct), found, null);
        return new ProjectTarget(id ?? "?", null, null, $"clouds.{login.Name} does not say what the project is called: "
            + "as long as it is not there, the login must be a user with a password, with project_name and "
            + "project_domain_name");
    }

    private static async Task<string?> IdOfTokenAsync(CloudSession member, CancellationToken ct)
    {
        try
        {
            return (await member.TokenAsync(ct)).ProjectId;
        }
        catch (CloudException e) when (e.Fault is CloudFault.Unauthorised)
        {
            return null;
        }
    }
}
