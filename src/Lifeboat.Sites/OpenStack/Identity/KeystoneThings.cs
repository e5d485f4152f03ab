// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Identity;

/// <summary>A project, as Identity API v3 tells it.</summary>
internal sealed record KeystoneProject(string Id, string Name, string DomainId, bool Enabled = true,
    string? Description = null, string? ParentId = null, IReadOnlyList<string>? Tags = null);

/// <summary>A domain, user, group or role.</summary>
/// <param name="DomainId">Of a role: null unless it is a domain's own.</param>
internal sealed record KeystoneThing(string Id, string Name, string? DomainId = null);

internal sealed record KeystoneName(string Id, string? Name = null, KeystoneName? Domain = null);

/// <summary>Who has which role; with names, as it is always asked for.</summary>
internal sealed record KeystoneAssignment(KeystoneName Role, KeystoneScope Scope, KeystoneName? User = null,
    KeystoneName? Group = null);

internal sealed record KeystoneScope(KeystoneName? Project = null)
{
    /// <summary>For the projects below it, and not for itself.</summary>
    [JsonPropertyName("OS-INHERIT:inherited_to")]
    public string? InheritedTo { get; init; }
}

internal sealed record KeystoneInference(KeystoneName PriorRole, IReadOnlyList<KeystoneName> Implies);

internal sealed record ProjectAnswer(KeystoneProject Project);

internal sealed record DomainAnswer(KeystoneThing Domain);

internal sealed record UserAnswer(KeystoneThing User);

internal sealed record InferenceAnswer(IReadOnlyList<KeystoneInference> RoleInferences);

internal sealed record KeystoneLinks(string? Next = null);

internal sealed record ProjectPage(IReadOnlyList<KeystoneProject> Projects, KeystoneLinks? Links = null)
    : ICloudPage<KeystoneProject>
{
    [JsonIgnore]
    public IReadOnlyList<KeystoneProject> Items => Projects;
    [JsonIgnore]
    public string? Next => Links?.Next;
}

internal sealed record DomainPage(IReadOnlyList<KeystoneThing> Domains, KeystoneLinks? Links = null)
    : ICloudPage<KeystoneThing>
{
    [JsonIgnore]
    public IReadOnlyList<KeystoneThing> Items => Domains;
    [JsonIgnore]
    public string? Next => Links?.Next;
}

internal sealed record UserPage(IReadOnlyList<KeystoneThing> Users, KeystoneLinks? Links = null)
    : ICloudPage<KeystoneThing>
{
    [JsonIgnore]
    public IReadOnlyList<KeystoneThing> Items => Users;
    [JsonIgnore]
    public string? Next => Links?.Next;
}

internal sealed record GroupPage(IReadOnlyList<KeystoneThing> Groups, KeystoneLinks? Links = null)
    : ICloudPage<KeystoneThing>
{
    [JsonIgnore]
    public IReadOnlyList<KeystoneThing> Items => Groups;
    [JsonIgnore]
    public string? Next => Links?.Next;
}

internal sealed record RolePage(IReadOnlyList<KeystoneThing> Roles, KeystoneLinks? Links = null)
    : ICloudPage<KeystoneThing>
{
    [JsonIgnore]
    public IReadOnlyList<KeystoneThing> Items => Roles;
    [JsonIgnore]
    public string? Next => Links?.Next;
}

internal sealed record AssignmentPage(IReadOnlyList<KeystoneAssignment> RoleAssignments, KeystoneLinks? Links = null)
    : ICloudPage<KeystoneAssignment>
{
    [JsonIgnore]
    public IReadOnlyList<KeystoneAssignment> Items => RoleAssignments;
    [JsonIgnore]
    public string? Next => Links?.Next;
}

internal sealed record NewProject(string Name, string DomainId, string Description, IReadOnlyList<string> Tags);

internal sealed record NewProjectRequest(NewProject Project);

internal sealed record ProjectNote(string Description);

internal sealed record ProjectNoteRequest(ProjectNote Project);

/// <summary>A request without a body of its own.</summary>
internal sealed record EmptyRequest;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ProjectAnswer))]
[JsonSerializable(typeof(DomainAnswer))]
[JsonSerializable(typeof(UserAnswer))]
[JsonSerializable(typeof(InferenceAnswer))]
[JsonSerializable(typeof(ProjectPage))]
[JsonSerializable(typeof(DomainPage))]
[JsonSerializable(typeof(UserPage))]
[JsonSerializable(typeof(GroupPage))]
[JsonSerializable(typeof(RolePage))]
[JsonSerializable(typeof(AssignmentPage))]
[JsonSerializable(typeof(NewProjectRequest))]
[JsonSerializable(typeof(ProjectNoteRequest))]
[JsonSerializable(typeof(EmptyRequest))]
internal sealed partial class IdentityJson : JsonSerializerContext;
