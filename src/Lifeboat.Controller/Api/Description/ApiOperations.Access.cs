// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using static Lifeboat.Protection.ReasonCode;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private static ApiOperation[] Access =>
    [
        new("GET /v1/caller", "caller", "Who the controller takes the caller for, and what the caller may do."),
        new("GET /v1/users", "users", "The users of this site, or of one tenant."),
        new("GET /v1/users/{user}", "user", "One user."),
        new("POST /v1/users", "createUser", "Makes a user of the tenant that the request is about, else of the site.",
            Conflict)
        {
            Status = 201,
            Answer = typeof(UserInfo),
        },
        new("POST /v1/users/{user}/grant", "grant", "Gives roles and single rights to a user.")
        {
            Description = "Nobody gives a right that they do not have.",
        },
        new("POST /v1/users/{user}/revoke", "revoke", "Takes roles and single rights from a user."),
        new("PUT /v1/users/{user}/password", "setPassword",
            "Sets another password of a user, or none; all tokens of the user are over.", TooManyTries)
        {
            Status = 204,
            Description = "One's own is changed with the one until now.",
        },
        new("DELETE /v1/users/{user}", "deleteUser", "Deletes a user and ends all tokens of theirs.") { Status = 204 },
        new("POST /v1/tokens", "createApiToken", "Makes a token, which is shown this once.", UserUnknown, TooManyTries)
        {
            Status = 201,
            Answer = typeof(ApiTokenMade),
            AnswersSecret = true,
            Description = "With user and password it needs no token.",
        },
        new("GET /v1/tokens", "apiTokens", "One's own tokens; all that an administrator may see."),
        new("DELETE /v1/tokens/{token}", "revokeApiToken", "Ends a token at once.") { Status = 204 },
        new("GET /v1/access/rules", "accessRules",
            "By which rules the API lets whom do what, and what is wrong with the file that changes them."),
        new("POST /v1/access/check", "checkAccess", "Whom the access rules would let, and which decided.",
            IdentityUnavailable)
        {
            ReadsOnly = true,
            Description = "Of a token, or of somebody who is only described; of one operation, or of all.",
        },
        new("GET /v1/audit", "audit", "Who changed what, newest first."),
        new("GET /v1/audit/verify", "verifyAudit",
            "Looks through the whole audit log, and names the first row that does not fit."),
        new("GET /v1/tenants", "tenants", "The tenants of this site, and what each has."),
        new("GET /v1/tenants/{tenant}", "tenant", "One tenant."),
        new("POST /v1/tenants", "createTenant", "Makes a tenant.", Conflict)
        {
            Status = 201,
            Answer = typeof(TenantInfo),
        },
        new("PATCH /v1/tenants/{tenant}", "changeTenant", "Changes what a tenant may have."),
        new("DELETE /v1/tenants/{tenant}", "deleteTenant", "Deletes a tenant that has nothing any more.", Conflict)
        {
            Status = 204,
        },
        new("PUT /v1/instances/{name}/tenant", "giveInstance", "Says whose an instance is: who may see and protect it.",
            TenantUnknown)
        {
            Status = 204,
        },
        new($"POST {Run}/approve", "approveRun", "Lets a run begin that waits for a second person.", WrongState)
        {
            Answer = typeof(RunInfo),
            Description = "Refused to who asked for the run.",
        },
    ];
}
